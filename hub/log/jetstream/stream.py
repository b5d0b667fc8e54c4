"""The stream as JetStream's leader describes it: what it has to be for a log, and what it holds now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from hub.cursor import Epoch
from hub.errors import HubError, SettingsError, StorageUnavailable
from hub.log.jetstream.subject import Names
from hub.nats.port import Nats, NatsError, NoResponders

__all__ = [
    "EPOCH",
    "FIRST",
    "HEAD",
    "LEFT",
    "NOT_FOUND",
    "START",
    "Replica",
    "Stream",
    "StreamError",
    "StreamState",
    "ask_stream",
    "explain_problems",
    "explain_silence",
    "find_weak_settings",
    "find_wrong_settings",
    "read_stream",
    "stream_settings",
    "wait_stream",
]

#: In the metadata of the stream: the epoch of the log; its first position; the lowest one that a cursor may follow; the
#: one up to which another log is to be brought in; and which hub went on alone with it.
EPOCH, START, FIRST, HEAD, LEFT = "hub.epoch", "hub.start", "hub.first", "hub.head", "hub.left"
NOT_FOUND = 10059
_NOT_ENABLED = (10039, 10076)
_NANOSECONDS = 10**9
#: Repeats are recognized by the stream for so long; it has to be longer than an election and a publish's deadline.
DUPLICATE_WINDOW_S = 600
_TRY_S = 2.0
_REST_S = 0.2
#: With fewer, one lost machine is one too many.
_SAFE_REPLICAS = 3
#: What a record may have: NATS itself takes no more.
MAX_RECORD_BYTES = 2**20
#: Servers that start may be without JetStream for a moment; those that have none are without it for longer.
_WITHOUT_JETSTREAM_S = 2.0


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class StreamState(msgspec.Struct):
    """Which positions the stream holds; `last` is the newest that was ever given."""

    first: int = msgspec.field(name="first_seq", default=0)
    last: int = msgspec.field(name="last_seq", default=0)
    messages: int = 0
    bytes: int = 0
    #: When the oldest record was stored.
    first_at: datetime | None = msgspec.field(name="first_ts", default=None)


class _Republish(msgspec.Struct):
    src: str = ""
    dest: str = ""
    headers_only: bool = False


class _Config(msgspec.Struct):
    name: str = ""
    subjects: list[str] = []
    storage: str = ""
    retention: str = ""
    discard: str = ""
    num_replicas: int = 0
    duplicate_window: int = 0
    max_age: int = 0
    max_msgs: int = -1
    max_bytes: int = -1
    max_msgs_per_subject: int = -1
    max_msg_size: int = -1
    no_ack: bool = False
    sealed: bool = False
    mirror: dict[str, Any] | None = None
    sources: list[Any] = []
    subject_transform: dict[str, Any] | None = None
    persist_mode: str = ""
    allow_direct: bool = False
    deny_delete: bool = False
    deny_purge: bool = False
    republish: _Republish = msgspec.field(default_factory=_Republish)
    metadata: dict[str, str] = {}


class Replica(msgspec.Struct):
    """A server that holds the stream; `active` is how long ago (ns) it was heard of, `lag` how many it is behind."""

    name: str = ""
    current: bool = False
    offline: bool = False
    active: int = 0
    lag: int = 0


class _Cluster(msgspec.Struct):
    leader: str = ""
    replicas: list[Replica] = []


class Stream(msgspec.Struct):
    """What the leader says of the stream."""

    config: _Config
    state: StreamState
    cluster: _Cluster = msgspec.field(default_factory=_Cluster)
    #: When the leader said so, by its own clock.
    at: datetime | None = None

    @property
    def epoch(self) -> Epoch:
        """The life of the log that the stream is; empty where it is not a log of the hub."""
        return Epoch(self.config.metadata.get(EPOCH, ""))

    @property
    def start(self) -> int:
        """The first position that the stream has ever had."""
        metadata = self.config.metadata
        return int(metadata.get(START, metadata.get(FIRST, "1")))


class _Response(msgspec.Struct):
    error: _Error | None = None
    config: _Config | None = None
    state: StreamState | None = None
    cluster: _Cluster | None = None
    ts: datetime | None = None


class StreamError(Exception):
    """JetStream does not do what was asked; `code` is its own number, 0 where nobody answers."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


_decode = msgspec.json.Decoder(_Response).decode


async def ask_stream(nats: Nats, subject: str, body: Mapping[str, object] | None, *, timeout_s: float) -> Stream:
    """Return what JetStream's API answers about a stream.

    Raises:
        StreamError: it refuses.
        NatsError: nobody answered in time.
    """
    payload = b"" if body is None else msgspec.json.encode(body)
    reply = await nats.request(subject, payload, timeout_s=timeout_s)
    try:
        response = _decode(reply.payload)
    except msgspec.MsgspecError:
        raise StreamError(0, "what answers there is not JetStream") from None
    if response.error is not None:
        raise StreamError(response.error.err_code, response.error.description)
    if response.config is None or response.state is None:
        raise StreamError(0, "what answers there is not JetStream")
    return Stream(response.config, response.state, response.cluster or _Cluster(), response.ts)


async def read_stream(nats: Nats, names: Names, *, timeout_s: float = _TRY_S) -> Stream:
    """Return what the leader says of the stream now.

    Raises:
        StreamError, NatsError: there is none, or nobody answered.
    """
    return await ask_stream(nats, names.info, None, timeout_s=timeout_s)


async def wait_stream(nats: Nats, names: Names, *, timeout_s: float) -> Stream:
    """Return what the leader says of the stream, once there is a leader that answers.

    Raises:
        SettingsError: there is no such stream, or there has been no JetStream for a while.
        StorageUnavailable: nobody answered in time.
    """
    problem: HubError = StorageUnavailable("NATS has no leader for the stream")
    loop = asyncio.get_running_loop()
    without_since_s: float | None = None
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    return await read_stream(nats, names)
                except StreamError as error:
                    if error.code == NOT_FOUND:
                        raise SettingsError(
                            f"HUB_LOG_STREAM: NATS has no stream {names.stream}; create it once with `hub cluster init`"
                        ) from None
                    problem = explain_silence(error)
                except NatsError as error:
                    problem = explain_silence(error)
                if not isinstance(problem, SettingsError):
                    without_since_s = None
                elif without_since_s is None:
                    without_since_s = loop.time()
                elif loop.time() >= without_since_s + _WITHOUT_JETSTREAM_S:
                    raise problem
                await asyncio.sleep(_REST_S)
    except TimeoutError:
        raise problem from None


def explain_silence(error: StreamError | NatsError) -> HubError:
    """Return why nobody says anything about the stream, in words that say what to do."""
    if isinstance(error, NoResponders) or (isinstance(error, StreamError) and error.code in _NOT_ENABLED):
        return SettingsError(
            "HUB_LOG_URL: NATS has no JetStream here: start the servers with it, and enable it for the hub's account"
        )
    return StorageUnavailable(f"NATS does not answer about the stream: {error}", retry_after_s=5)


def stream_settings(
    names: Names, *, replicas: int, first: int, max_age_s: float, max_records: int, metadata: dict[str, str]
) -> dict[str, object]:
    """Return the settings with which a stream is created as a log."""
    return {
        "name": names.stream,
        "subjects": [names.records],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": replicas,
        "max_age": round(max_age_s * _NANOSECONDS),
        "max_msgs": max_records,
        "max_bytes": -1,
        "duplicate_window": round(min(DUPLICATE_WINDOW_S, max_age_s) * _NANOSECONDS),
        "allow_direct": True,
        "deny_delete": True,
        "deny_purge": True,
        "republish": {"src": names.records, "dest": names.tap},
        "metadata": metadata,
        "first_seq": first,
    }


def find_wrong_settings(stream: Stream, names: Names, *, append_deadline_s: float) -> Iterator[str]:
    """Yield what of a stream's settings would lose something, or keep a hub from working with it; in words."""
    config = stream.config
    if not stream.epoch:
        yield (
            f"the stream {names.stream} is not a log of the hub: it has no {EPOCH}, so another program owns it;"
            " choose another name for the hub's with HUB_LOG_STREAM"
        )
        return
    if damaged := [name for name in (FIRST, HEAD) if not config.metadata.get(name, "0").isdecimal()]:
        yield f"{' and '.join(damaged)} in its metadata is not a position: was it edited?"
    elif stream.state.last < int(config.metadata.get(HEAD, "0")):
        yield "`hub cluster init` has not come to its end: run it again"
    if config.metadata.get(LEFT):
        yield f"the hub {config.metadata[LEFT]} went on alone with this log (`hub cluster leave`)"
    if wrong := _find_wrong(config, names, append_deadline_s):
        cure = f"mend it with `nats stream edit {names.stream}`, or make another stream where that is refused"
        yield from (*wrong[:-1], f"{wrong[-1]}; {cure}")


def _find_wrong(config: _Config, names: Names, append_deadline_s: float) -> list[str]:
    window_s, republish = config.duplicate_window / _NANOSECONDS, config.republish
    table = [
        (config.subjects != [names.records], f"its subjects are {config.subjects} and not {names.records}"),
        (
            (republish.src, republish.dest) != (names.records, names.tap),
            f"it does not republish {names.records} as {names.tap}",
        ),
        (republish.headers_only, "it republishes headers only"),
        (config.storage != "file", f"its storage is {config.storage} and not file"),
        ((config.retention, config.discard) != ("limits", "old"), "its retention is not limits with discard old"),
        (config.max_msgs_per_subject > 0, "max_msgs_per_subject is set"),
        (
            0 <= config.max_msg_size < MAX_RECORD_BYTES,
            f"its max_msg_size is {config.max_msg_size}, and a record may have {MAX_RECORD_BYTES}",
        ),
        (config.no_ack, "no_ack is set, so nothing that is published would be acknowledged"),
        (config.sealed and not config.metadata.get(LEFT), "it is sealed, so it takes nothing"),
        (
            config.mirror is not None or bool(config.sources) or config.subject_transform is not None,
            "it takes or changes records of other streams (mirror, sources, subject_transform)",
        ),
        (
            config.persist_mode not in ("", "default"),
            f"its persist_mode is {config.persist_mode}, so what is acknowledged may not be on disk",
        ),
        (not config.allow_direct, "allow_direct is off"),
        (
            window_s < round(append_deadline_s + 30),
            f"its duplicate_window is {window_s:g} s, and a publish may be repeated for longer: {DUPLICATE_WINDOW_S} s",
        ),
    ]
    return [words for is_wrong, words in table if is_wrong]


def explain_problems(names: Names, problems: Sequence[str]) -> str:
    """Return what keeps hubs from using a stream, in one line that names the setting."""
    return f"HUB_LOG_STREAM: {names.stream} cannot be used: {'; '.join(problems)}"


def find_weak_settings(stream: Stream) -> Iterator[str]:
    """Yield what of a stream's settings may lose something where something else goes wrong; in words."""
    config = stream.config
    if (count := config.num_replicas) < _SAFE_REPLICAS:
        replicas = "1 replica" if count == 1 else f"{count} replicas"
        yield (
            f"the stream {config.name} has {replicas}: a lost machine may lose acknowledged notifications, or stop all"
            f" publishing; with three servers: nats stream edit {config.name} --replicas 3"
        )
    if not (config.deny_delete and config.deny_purge):
        yield (
            f"records of the stream {config.name} can be deleted: nats stream edit {config.name} --deny-delete"
            " --deny-purge"
        )
