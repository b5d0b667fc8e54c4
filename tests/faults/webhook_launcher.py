"""`python -m tests.faults.webhook_launcher [SECONDS]`: a hub that tries webhooks again soon, in a process to be killed.

With SECONDS the machine's clock is ahead by as much, so that deadlines of earlier hubs are over.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from unittest import mock

import msgspec

from hub.app import HubApp
from hub.bounds import Bounds
from hub.cli.support.runner import run_hub
from hub.settings import read_settings

#: Claims are taken over after seconds, and what an endpoint does costs moments and not minutes.
BOUNDS = Bounds(
    webhook_claim_s=3.0,
    webhook_look_s=0.1,
    webhook_backoff_base_s=0.05,
    webhook_backoff_cap_s=0.5,
    outbound_timeout_s=2.0,
)


def main() -> None:
    """Serve until a signal."""
    ahead_s = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    # `hub serve` has no clock but the machine's.
    make = functools.partial(HubApp, now=lambda: time.time() + ahead_s)
    settings = msgspec.structs.replace(read_settings(os.environ), bounds=BOUNDS)
    with mock.patch("hub.cli.support.runner.HubApp", make):
        run_hub(settings, announce=lambda url: None)


if __name__ == "__main__":
    main()
