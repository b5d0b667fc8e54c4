"""Control frames, close codes and the answers of the hub, as the wire has them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import msgspec
import pytest

import contracts
from contracts.closing import CloseCode, may_return
from contracts.frame import (
    CONTROL_FRAMES,
    RESERVED_TYPES,
    Auth,
    AuthAccepted,
    Closing,
    ConnectionData,
    ConnectionEstablished,
    ControlFrame,
    Gap,
    GapData,
    Heartbeat,
    InboxChanged,
    PreferencesChanged,
    Reconnect,
)
from contracts.receipt import BatchReceipt, BatchResult, Receipt, Ticket
from contracts.stats import ConnectionCounts, Stats, Totals
from hub.errors import HubError

NOW = "2026-11-22T14:03:07.125Z"
FRAMES: list[ControlFrame] = [
    ConnectionEstablished(
        title="Conectado",
        message="Bem-vindo",
        data=ConnectionData(connection_id="x", resume="live", cursor="c-0", heartbeat_seconds=30),
        timestamp=NOW,
    ),
    Gap(title="Lacuna", message="Atualize a página.", data=GapData(cursor="c-0"), timestamp=NOW),
    Heartbeat(cursor="c-0"),
    Reconnect(within_seconds=20),
    Closing(code=CloseCode.TOKEN_EXPIRED, reason="expired"),
    AuthAccepted(expires_at=NOW),
    InboxChanged(read=["a"], unread=[], archived=["b"], unread_count=999, more=True, cursor="c-1"),
    PreferencesChanged(muted=["a"], cursor="c-1"),
]


def test_every_control_frame_survives_a_round_trip() -> None:
    """Each control frame decodes, by its `type` alone, to what was encoded."""
    assert set(CONTROL_FRAMES) == {type(frame) for frame in FRAMES}
    decoded = [msgspec.json.decode(msgspec.json.encode(frame), type=ControlFrame) for frame in FRAMES]
    assert decoded == FRAMES
    assert RESERVED_TYPES == (
        {"connection_established", "gap", "heartbeat", "reconnect", "closing", "auth", "auth_accepted", "listen", "ack"}
        | {"inbox", "preferences"}
    )


def test_first_frame_reads_like_a_notification() -> None:
    """A frontend that shows every frame finds the words it shows, in the order it knows."""
    frame = msgspec.json.decode(msgspec.json.encode(FRAMES[0]))
    assert list(frame) == ["type", "title", "message", "data", "timestamp"]
    assert frame["data"] == {"connectionId": "x", "resume": "live", "cursor": "c-0", "heartbeatSeconds": 30}


def test_auth_takes_a_token_and_nothing_else() -> None:
    """The one thing a client says is checked strictly."""
    assert Auth(token="t") == msgspec.json.decode(b'{"type":"auth","token":"t"}', type=Auth)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"type":"auth","token":"t","user":"u"}', type=Auth)


def test_codes_from_4500_tell_the_client_to_stop() -> None:
    """The code's range alone says whether to come back."""
    back = {CloseCode.DRAIN, CloseCode.SLOW, CloseCode.TOKEN_EXPIRED, CloseCode.TOO_MANY_CONNECTIONS}
    assert back == {code for code in CloseCode if may_return(code)}
    assert [int(code) for code in CloseCode] == [1012, 4000, 4001, 4002, 4500, 4501, 4502, 4503, 4504]


def test_failures_close_with_codes_of_the_contract() -> None:
    """A failure's close code is one the contract names or a standard one of RFC 6455 and its registry."""
    used = {failure.close_code for failure in _descendants(HubError)}
    assert used <= set(CloseCode) | {1003, 1008, 1009, 1011, 1013}


def test_answers_have_the_names_clients_read() -> None:
    """Receipts, tickets and statistics carry exactly the agreed names."""
    receipt = Receipt(id="n", cursor="c", duplicate=False, connections=2)
    assert msgspec.json.encode(receipt) == b'{"id":"n","cursor":"c","duplicate":false,"connections":2}'
    assert msgspec.json.encode(Ticket(ticket="t", expires_in=30)) == b'{"ticket":"t","expiresIn":30}'
    batch = msgspec.json.decode(msgspec.json.encode(BatchReceipt(results=[BatchResult(index=0, receipt=receipt)])))
    assert {"index", "receipt"} == set(batch["results"][0])
    totals = Totals(
        connected=0, disconnected=0, refused=0, published=0, duplicates=0, deliveries=0, replays=0, gaps=0, drops=0
    )
    stats = Stats(
        total_connections=0,
        connections_by_account={},
        connections=ConnectionCounts(total=0, websocket=0, sse=0),
        unique_users=0,
        uptime_seconds=1.5,
        totals=totals,
        refusals={"invalid_token": 1},
    )
    names = {
        "totalConnections",
        "connectionsByAccount",
        "connections",
        "uniqueUsers",
        "uptimeSeconds",
        "totals",
        "refusals",
    }
    assert names == set(msgspec.to_builtins(stats))


def test_contracts_need_msgspec_and_nothing_else() -> None:
    """The package can be installed alone: it imports msgspec, the standard library and itself."""
    allowed = sys.stdlib_module_names | {"msgspec", "contracts"}
    for path in Path(str(contracts.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path.name


def _descendants(kind: type[HubError]) -> list[type[HubError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _descendants(child))]
