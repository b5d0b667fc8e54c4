"""What an operator reads of publishes: which service was refused with which code, and which sends another shape.

The lines name the service as the settings do. They hold nothing of the notification.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from msgspec import UNSET

from contracts.receipt import BatchReceipt, Receipt
from hub.errors import HubError
from hub.operator_log import OperatorLog

__all__ = ["PublishLog"]

logger = logging.getLogger("hub.publish")


class PublishLog:
    """Writes one line a minute for each service and code, with the number of publishes it stands for."""

    def __init__(self) -> None:
        self._lines = OperatorLog(logger)

    def log_refusal(self, error: HubError, service: str) -> None:
        """Log that nothing of a request was stored, or nothing of it is known to be."""
        self._write_refusal(error.code, error.title, service, 1)

    def log_receipt(self, receipt: Receipt, service: str) -> None:
        """Log where the stored notification is not of its declared shape."""
        if receipt.warnings:
            self._log_mismatches([receipt], service)

    def log_batch(self, receipt: BatchReceipt, service: str) -> None:
        """Log the refused notifications of a batch by code, and those of another shape than declared."""
        results = receipt.results
        refused = Counter((each.problem.code, each.problem.title) for each in results if each.problem is not UNSET)
        for (code, title), count in refused.items():
            self._write_refusal(code, title, service, count)
        self._log_mismatches((each.receipt for each in results if each.receipt is not UNSET), service)

    def _log_mismatches(self, receipts: Iterable[Receipt], service: str) -> None:
        count = sum(receipt.warnings is not UNSET for receipt in receipts)
        if count:
            self._lines.write_limited(
                logging.WARNING,
                "contract_mismatch",
                f"stored a notification of {service} whose data has another shape than declared",
                service=service,
                count=count,
            )

    def _write_refusal(self, code: str, title: str, service: str, count: int) -> None:
        self._lines.write_limited(
            logging.WARNING,
            "publish_refused",
            f"refused a publish of {service} with {code}: {title}",
            code=code,
            service=service,
            count=count,
        )
