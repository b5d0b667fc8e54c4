"""Tests of hub.auth.refused: how often one token may have the issuer asked."""

from __future__ import annotations

from hub.auth.refused import RefusedTokens


def test_pauses_grow_and_end() -> None:
    """The second question is free, the next ones wait 1, 2, 4 s and so on, half a minute at most."""
    refused = RefusedTokens()
    assert refused.may_ask(b"a", at_s=0)
    refused.note(b"a", at_s=0)
    at_s, pauses = 0.0, []
    for _ in range(9):
        assert refused.may_ask(b"a", at_s=at_s)
        refused.note(b"a", at_s=at_s)
        free_s = next(at_s + step / 2 for step in range(200) if refused.may_ask(b"a", at_s=at_s + step / 2))
        pauses.append(free_s - at_s)
        at_s = free_s
    assert [1, 2, 4, 8, 16, 30, 30, 30, 30] == pauses


def test_one_token_holds_up_no_other() -> None:
    """However often a token was refused, another one may have the issuer asked."""
    refused = RefusedTokens()
    for _ in range(20):
        refused.note(b"a", at_s=0)
    assert [False, True] == [refused.may_ask(digest, at_s=0.5) for digest in (b"a", b"b")]


def test_memory_is_bounded() -> None:
    """Beyond its bound the token refused longest ago is forgotten."""
    refused = RefusedTokens(max_remembered=2)
    for digest in (b"a", b"a", b"a", b"b", b"c"):
        refused.note(digest, at_s=0)
    assert 2 == len(refused)
    assert refused.may_ask(b"a", at_s=0.5)
