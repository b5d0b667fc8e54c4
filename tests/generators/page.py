"""The page that says which generator makes a client that works."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date

import msgspec

from tests.generators.table import Generator

__all__ = ["Outcome", "make_page"]

_HEAD = """\
# Generated clients

`make generators` writes this page. With each generator below it makes a client from the API document, including a
company's own types (`tests/contracts/company.py`). It compiles the client as strictly as the language can and runs a
small program (`tests/generators/`) against a real hub. The program publishes every built-in type and a company's type
(`service-order:created`) with `data`, repeats one under an `Idempotency-Key`, and sends a batch. It sends two requests
that the hub refuses (a notification without a target, an invalid key) and reads the problem and its `code`. Then it
reads all frames back from `/poll`. A subscriber must have received each frame, once, in order, with exactly the same
`data`.

`openapi.json` is OpenAPI 3.1. `openapi-3.0.json` says the same in OpenAPI 3.0.3, for generators that read no later
version or read it worse: `hub openapi --version 3.0`, or `/schema/openapi-3.0.json` of a running hub, both with a
company's own types.
"""
_FOOT = """\

## What to know
- An id or an amount in `data` is a number in one system and text in another (`orderId`, `total`): a union.
- Integers have 64 bits (`int64`), numbers are doubles. An integer beyond 2^53 - 1 is refused: send it as text.
- Types may be added. A client that reads frames through its generated union may refuse a `type` it does not know: look
  at `type` first, or generate the client again. The clients in `clients/` ignore such frames.
- `/ws` and `/sse` are in `asyncapi.json` (`hub openapi --asyncapi`); no OpenAPI generator makes a client for them.
- `make foreign` tests HTTP clients without a generator that behave differently (Java's HttpClient, curl's `--http2`).
- C#, Swift and Dart were not tried, because the machine that wrote this page has no compiler for them. From Kotlin use
  the Java client: openapi-generator's `kotlin` makes an empty class of each union (`orderId`).
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one generator."""

    name: str
    version: str
    language: str
    document: str = ""
    limits: str = ""
    #: Why it did not work; empty where it did.
    failure: str = ""
    #: What this machine lacks to try it.
    missing: str = ""

    @classmethod
    def of(cls, row: Generator, *, failure: str = "", missing: str = "") -> Outcome:
        """Return the outcome of a row of the table."""
        return cls(
            name=row.name,
            version=row.version,
            language=row.language,
            document=row.document,
            limits=row.limits,
            failure=failure,
            missing=missing,
        )

    @property
    def works(self) -> bool:
        """Whether everything it had to do happened."""
        return not self.failure and not self.missing

    @property
    def said(self) -> str:
        """The outcome in words."""
        return f"not run: {self.missing}" if self.missing else self.failure or "works"


def make_page(outcomes: Sequence[Outcome], *, date: Date, machine: str) -> str:
    """Return the whole page."""
    languages = sorted({outcome.language for outcome in outcomes if outcome.works})
    lines = [
        _HEAD,
        f"Last run: {date}, {machine}. {len(languages)} languages work: {', '.join(languages)}.\n",
        "| Language | Generator | Version | Reads | Result | Known limits |\n|---|---|---|---|---|---|",
        *(
            f"| {row.language} | {row.name} | {row.version} | `{row.document}` | {row.said} | {row.limits} |"
            for row in outcomes
        ),
    ]
    return "\n".join(lines) + "\n" + _FOOT
