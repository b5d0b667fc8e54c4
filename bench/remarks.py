"""What is said of a goal that is not met: which rows it is of, and what was tried. Written by hand, printed by need."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from bench.figure import Figure

__all__ = ["REMARKS", "Remark", "write_remarks"]


class Remark(msgspec.Struct, frozen=True):
    """A paragraph for the rows whose titles match `rows`."""

    rows: str
    text: str


REMARKS: tuple[Remark, ...] = ()


def write_remarks(figures: Sequence[Figure], remarks: Sequence[Remark] = REMARKS) -> str:
    """Return a section with a paragraph for each goal that is not met; empty where all are."""
    missed = [figure for figure in figures if any(figure.holds(budget) is False for budget in figure.budgets)]
    paragraphs = []
    for remark in remarks:
        about = [figure.title for figure in missed if re.search(remark.rows, figure.title)]
        missed = [figure for figure in missed if figure.title not in about]
        if about:
            paragraphs.append(f"**{'; '.join(about)}.** {remark.text}")
    paragraphs += [f"**{figure.title}.** Nothing is known yet of the cause." for figure in missed]
    return "\n## Goals that are not met\n\n" + "\n\n".join(paragraphs) + "\n" if paragraphs else ""
