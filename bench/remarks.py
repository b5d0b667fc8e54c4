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


_FIXED_PRICE = """What is left is the price of one publish, for any number: two wake-ups between the event loop and the
thread that writes the log, one commit of SQLite with its `fdatasync`, and the interpretation of check, envelope and
receipt. The delivery itself is a hundredth of it (the rows of instructions). Of the CPU, with 64 in flight, four fifths
are the event loop's: some 250 Python calls, of which the write into the service's socket takes a sixth and no other a
twentieth. The writer takes 15 %, the mark 5 %. Begun and given up: compiling these modules with mypyc. It refuses
regular expressions with surrogates and fields of msgspec, and what it made of the rest ended at the first request."""

REMARKS: tuple[Remark, ...] = (
    Remark(
        r"each to 1 of",
        f"""Done: a publish is answered without a call of the application, and the socket is written to without a look
at subscriber, session, link or transport. {_FIXED_PRICE} Centrifugo answers from memory. Not taken: a log file in
front of SQLite, which a prototype showed to save 13 to 20 % of a publish. Recovery, Idempotency-Keys,
retention and the reads of a replay would each need a second way beside the one that is proven.""",
    ),
    Remark(
        r"^publish, .* in flight",
        f"""Done: answered without a call of the application, one commit for all that wait, users that are remembered
are not awaited. {_FIXED_PRICE} The peers' responses mean less: their notifications are in memory only.""",
    ),
    Remark(
        r"fan-out to (10|100) ",
        f"""With few receivers the publish rules. {_FIXED_PRICE} See the rows of one to one.""",
    ),
    Remark(
        r"fan-out to 1,000 ",
        """A delivery is one `send(2)` and a few hundred instructions (`notification-hub-native`, decision 0014); nearly
all of its time is the kernel's, as the floor's is. What is left above the floor is the publish, spread over
its receivers, and heartbeats, replays and requests of 1,000 connections that the floor does not have. Tried
in vain: io_uring (the last subscriber is served no sooner), other socket options, fewer ticks.""",
    ),
    Remark(
        r"publish to the last",
        """The last of 1,000 waits for the 999 before it, so this is the cost of a delivery times 1,000; beyond that it
is what else runs on the cores. Read it on an idle machine only.""",
    ),
    Remark(
        r" connect, CPU",
        """Done: a user who is remembered is served past ASGI, without a task, a scope or a message, and users who come
together are asked for in one query. What is left is Python for each connection: two protocols and their parsers, the
token, the session and the greeting. PyJWT looks at each character of a token; a reader of our own saved 23 us and was
taken out again, since many people watch PyJWT and nobody else would watch that reader. The first time, the directory's
answer comes on top, which the peers do not have: a thread for it, a task and a wait.""",
    ),
    Remark(
        r"replay of",
        """Done: a page of the log is read with one look and written with one system call, its events are formatted
in bulk, and what is counted of them is counted at once. What is left is a step of Python for each record: whether it
is sound, due and this user's, its place, its encoding. The peers copy bytes that they keep in memory, and nothing
checks whether the record is still due.""",
    ),
    Remark(
        r"idle connections",
        """An idle hub wakes for heartbeats alone; each of 10,000 connections gets one in 30 seconds. A heartbeat is
three system calls (what waits for the peer, what it took, the write) and its answer a fourth, beside their Python.""",
    ),
)


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
