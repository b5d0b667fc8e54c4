"""What a client under test did with each rule of the protocol that a scripted hub can see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

__all__ = ["RULES", "Finding", "Report", "Transport", "Verdict", "rules_of"]

Transport = Literal["websocket", "sse", "poll"]
_WEBSOCKET: frozenset[Transport] = frozenset({"websocket"})
_POLL: frozenset[Transport] = frozenset({"poll"})
_CONNECTIONS: frozenset[Transport] = frozenset({"websocket", "sse"})
_ALL: frozenset[Transport] = _CONNECTIONS | _POLL

#: The rules of docs/protocol.md that are a client's and can be seen from a hub, or from what the client prints; with
#: the transports over which they can.
RULES: dict[str, tuple[str, frozenset[Transport]]] = {
    "R1.3": ("presents a credential with each connection and poll", _ALL),
    "R1.4": ("offers the subprotocol hub.v1", _WEBSOCKET),
    "R1.7": ("passes over frames and fields that it does not know", _ALL),
    "R2.5": ("does not repeat a request that was refused for good", _POLL),
    "R3.2": ("comes back with the cursor of the last frame that it processed", _ALL),
    "R3.3": ("comes back with a later cursor that came without a notification", _ALL),
    "R3.4": ("has no cursor at first", _ALL),
    "R3.7": ("hands no notification over twice", _ALL),
    "R3.8": ("hands over every notification, in order", _ALL),
    "R4.3": ("goes on after a gap, and tells its application of it", _ALL),
    "R5.3": ("responds to a ping", _WEBSOCKET),
    "R5.4": ("takes a silent connection for dead", _CONNECTIONS),
    "R6.4": ("asks for another token after the end of its own", _ALL),
    "R7.2": ("comes back within the window of a drain", _CONNECTIONS),
    "R7.4": ("reads without pause", _CONNECTIONS),
    "R7.5": ("waits before it tries again", _ALL),
    "R8.3": ("comes back after a code below 4500, and after none", _ALL),
    "R8.4": ("stays away after a code from 4500", _CONNECTIONS),
    "R9.3": ("polls again at once after a page with frames, and waits after an empty one", _POLL),
    "R10.5": ("keeps its cursor when a signal comes, if it asks for signals", _WEBSOCKET),
    "R11.4": ("does without what the greeting does not name", _WEBSOCKET),
    "R12.3": ("acknowledges what it was handed, and at most once a second", _WEBSOCKET),
}

Verdict = Literal["pass", "fail", "not seen"]


def rules_of(transport: Transport) -> list[str]:
    """Return the rules that can be seen over a transport, in order of their numbers."""
    return [rule for rule, (_, transports) in RULES.items() if transport in transports]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: whether it was kept, and where not, what was seen instead."""

    rule: str
    text: str
    verdict: Verdict
    detail: str = ""


class Report:
    """Collects what was seen over one transport: a rule that was broken once is broken."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._verdicts: dict[str, tuple[Verdict, str]] = {}

    def see(self, rule: str, kept: bool, detail: str = "") -> None:
        """Note that a rule was kept, or broken as `detail` says."""
        if self._verdicts.get(rule, ("pass", ""))[0] != "fail":
            self._verdicts[rule] = ("pass", "") if kept else ("fail", detail)

    def judge_printed(self, sent: Sequence[str], printed: Sequence[str], *, gap: bool) -> None:
        """Judge by the ids that the client printed, as it handed notifications over; `gap`: it printed one."""
        if not printed:
            return
        distinct = list(dict.fromkeys(printed))
        repeated = len(printed) - len(distinct)
        self.see("R3.7", not repeated, f"{repeated} notifications were handed over twice")
        missing = len(set(sent) - set(distinct))
        self.see("R3.8", not missing, f"{missing} of {len(sent)} notifications were not handed over")
        known = set(sent)
        self.see("R3.8", [each for each in distinct if each in known] == list(sent), "they came in another order")
        self.see("R4.3", gap, "the gap was not printed")

    @property
    def findings(self) -> list[Finding]:
        """Every rule that can be seen over this transport, in order of its number."""
        none: tuple[Verdict, str] = ("not seen", "")
        found = {rule: self._verdicts.get(rule, none) for rule in rules_of(self.transport)}
        return [
            Finding(rule=rule, text=RULES[rule][0], verdict=verdict, detail=detail)
            for rule, (verdict, detail) in found.items()
        ]

    @property
    def is_broken(self) -> bool:
        """Whether a rule was broken."""
        return any(verdict == "fail" for verdict, _ in self._verdicts.values())
