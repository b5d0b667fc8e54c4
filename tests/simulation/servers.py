"""Three servers with one replicated stream, as JetStream keeps it: Raft, acknowledgements by a majority, republishing.

It is what the hub sees of NATS 2.15, said plainly. A server has its entries in memory until it has synced them; it
confirms an entry to the leader after that. What is committed is stored, unless its message id was stored within the
window. The leader alone acknowledges and republishes, once, what was proposed to it; what a new leader finds is not
republished. Any server answers direct gets from what it has applied, so it may be behind.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import msgspec

from tests.simulation.network import Network

__all__ = ["BEGIN_S", "DUPLICATE_IN_PROCESS", "Server", "Servers", "Stored"]

#: The wall clock of a simulation at its beginning.
BEGIN_S = 1_800_000_000.0
#: NATS: the constants of nats-server (raft.go), and the stream's settings.
HEARTBEAT_S = 1.0
ELECTION_S = (4.0, 9.0)
WINDOW_S = 600.0
DUPLICATE_IN_PROCESS = 10158
NO_STORAGE = 10047

Acknowledge = Callable[[dict[str, object]], None]


class Proposal(msgspec.Struct, frozen=True):
    """A message on its way into the stream."""

    subject: str
    payload: bytes
    headers: dict[str, str]

    @property
    def message_id(self) -> str | None:
        """What it is known by within the window."""
        return self.headers.get("Nats-Msg-Id")


class Entry(msgspec.Struct, frozen=True):
    """One entry of the Raft log; without a proposal it only begins a leader's term."""

    term: int
    time_s: float
    proposal: Proposal | None


class Stored(msgspec.Struct, frozen=True):
    """One message of the stream."""

    position: int
    time_s: float
    proposal: Proposal


class Server:
    """One server: its Raft log, and the stream that follows from what is committed of it."""

    def __init__(self, name: str, servers: Servers) -> None:
        self.name = name
        self.alive = True
        self.disk_full = False
        self.skew_s = 0.0
        self._servers = servers
        self._network = servers.network
        self._random = servers.random
        # Durable at once, since a server syncs its vote.
        self.term = 0
        self._voted_for: str | None = None
        # Durable up to `_synced`.
        self.entries: list[Entry] = []
        self._synced = 0
        self._committed = 0
        # The stream, as far as it was applied.
        self.stored: list[Stored] = []
        self._kept_from = self._young_from = 1
        self._applied = 0
        self._ids: dict[str, tuple[int, float]] = {}
        # In memory.
        self.is_leader = False
        self._votes: set[str] = set()
        self._matched: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._waiting: dict[int, Acknowledge] = {}
        self._in_process: set[str] = set()
        self._heard_at_s = 0.0
        self._patience_s = self._random.uniform(*ELECTION_S)
        self._life = 0
        self._syncing = False

    @property
    def first(self) -> int:
        """The first position that retention has left, or the next one."""
        if self._servers.keeps_s is not None:
            oldest_s = self._now_s() - self._servers.keeps_s
            while self._young_from <= self.last and self.stored[self._young_from - 1].time_s < oldest_s:
                self._young_from += 1
        return max(self._kept_from, min(max(self._servers.expired, self._young_from - 1), self.last) + 1)

    @property
    def first_at(self) -> str | None:
        """When the oldest message was stored, in the words of JetStream."""
        if self.first > self.last:
            return None
        return datetime.fromtimestamp(BEGIN_S + self.stored[self.first - 1].time_s, UTC).isoformat()

    @property
    def now_at(self) -> str:
        """What its clock shows."""
        return datetime.fromtimestamp(BEGIN_S + self._now_s(), UTC).isoformat()

    @property
    def last(self) -> int:
        """The stream's last position, as far as this server knows."""
        return len(self.stored)

    # Life

    def start(self) -> None:
        """Begin to listen for a leader."""
        self._heard_at_s = self._network.loop.time()
        self._network.later(self._random.uniform(0.1, HEARTBEAT_S), self._tick, self._life)

    def crash(self) -> None:
        """Lose the power: what was not synced is gone."""
        self.alive = False
        self._life += 1
        del self.entries[self._synced :]
        self._committed = min(self._committed, self._synced)
        if self._applied > self._synced:
            self._rebuild()
        self._step_down()
        self._syncing = False

    def restart(self) -> None:
        """Come back with what is on disk."""
        self.alive = True
        self.start()

    def step_down(self) -> None:
        """Stop leading, as an operator asks for."""
        if self.is_leader:
            self._step_down()
            self._patience_s = ELECTION_S[1] + 1
            self._heard_at_s = self._network.loop.time()
            # The others learn of it, and do not wait for long.
            for other in self._others():
                self._network.send(self.name, other.name, other.hurry)

    def hurry(self) -> None:
        """Stand for election soon."""
        self._patience_s = self._random.uniform(0.0, 0.5)
        self._network.later(self._patience_s, self._tick_once, self._life)

    # The stream

    def propose(self, proposal: Proposal, acknowledge: Acknowledge) -> None:
        """Take a message from a publisher, as the leader."""
        message_id = proposal.message_id
        if message_id is not None:
            if (found := self._find(message_id, self._now_s())) is not None:
                acknowledge({"stream": self._servers.stream, "seq": found, "duplicate": True})
                return
            if message_id in self._in_process:
                acknowledge(_error(400, DUPLICATE_IN_PROCESS, "duplicate message id is in process"))
                return
        if self.disk_full:
            acknowledge(_error(503, NO_STORAGE, "insufficient storage resources available"))
            return
        if message_id is not None:
            self._in_process.add(message_id)
        self.entries.append(Entry(self.term, self._now_s(), proposal))
        self._waiting[len(self.entries)] = acknowledge
        self._sync()
        self._replicate()

    def read(self, after: int, limit: int) -> list[Stored]:
        """Return what this server has after a position."""
        begin = max(after, self.first - 1)
        return self.stored[begin : begin + limit]

    # Raft

    def append(
        self, leader: str, term: int, before: int, before_term: int, entries: list[Entry], committed: int
    ) -> None:
        """Take entries from a leader."""
        if term < self.term:
            self._network.send(self.name, leader, self._servers[leader].learn_term, self.term)
            return
        self._follow(term)
        self._heard_at_s = self._network.loop.time()
        if self.disk_full and entries:
            return
        if before > len(self.entries) or (before and self.entries[before - 1].term != before_term):
            self._confirm(leader, min(before - 1, len(self.entries)), False)
            return
        for index, entry in enumerate(entries, start=before):
            if index < len(self.entries) and self.entries[index].term != entry.term:
                del self.entries[index:]
                self._synced = min(self._synced, index)
            if index == len(self.entries):
                self.entries.append(entry)
        upto = before + len(entries)
        self._commit(min(committed, upto))
        if upto <= self._synced:
            self._confirm(leader, upto, True)
        else:
            self._sync(leader, upto)

    def confirm(self, follower: str, term: int, matched: int, agrees: bool) -> None:
        """Take what a follower has, as its leader."""
        if term > self.term:
            self.learn_term(term)
        if not self.is_leader or term < self.term:
            return
        if not agrees:
            self._next[follower] = max(0, matched)
            self._replicate_to(self._servers[follower])
            return
        self._matched[follower] = max(self._matched[follower], matched)
        self._next[follower] = max(self._next[follower], matched)
        self._advance()

    def ask_vote(self, candidate: str, term: int, last_term: int, length: int) -> None:
        """Take a candidate's request for this server's vote."""
        if term > self.term:
            self.learn_term(term)
        own = (self.entries[-1].term if self.entries else 0, len(self.entries))
        if term == self.term and self._voted_for in {None, candidate} and (last_term, length) >= own:
            self._voted_for = candidate
            self._heard_at_s = self._network.loop.time()
            self._network.send(self.name, candidate, self._servers[candidate].vote, self.name, term)
        elif term < self.term:
            self._network.send(self.name, candidate, self._servers[candidate].learn_term, self.term)

    def vote(self, voter: str, term: int) -> None:
        """Take a vote."""
        if term != self.term or self.is_leader or self._voted_for != self.name:
            return
        self._votes.add(voter)
        if 2 * len(self._votes) > len(self._servers):
            self.is_leader = True
            self._servers.elections += 1
            self._matched = dict.fromkeys(self._servers.names, 0)
            self._next = dict.fromkeys(self._servers.names, len(self.entries))
            self.entries.append(Entry(self.term, self._now_s(), None))
            self._sync()
            self._replicate()

    def learn_term(self, term: int) -> None:
        """Learn that there was another election."""
        if term > self.term:
            self._follow(term)

    def _follow(self, term: int) -> None:
        if term > self.term:
            self.term = term
            self._voted_for = None
        if self.is_leader:
            self._step_down()

    def _step_down(self) -> None:
        self.is_leader = False
        self._votes.clear()
        # Their publishers hear nothing; what was stored may be committed by the next leader.
        self._waiting.clear()
        self._in_process.clear()
        self._patience_s = self._random.uniform(*ELECTION_S)

    def _tick(self, life: int) -> None:
        if life != self._life:
            return
        self._tick_once(life)
        self._network.later(HEARTBEAT_S, self._tick, life)

    def _tick_once(self, life: int) -> None:
        if life != self._life:
            return
        if self.is_leader:
            if self._has_majority():
                self._replicate()
            else:
                self._step_down()
        elif self._network.loop.time() - self._heard_at_s >= self._patience_s:
            self._stand()

    def _has_majority(self) -> bool:
        # A leader that hears of no majority steps down after a while (NATS: lostQuorumInterval, 10 s).
        reached = sum(self._network.is_open(self.name, other.name) and other.alive for other in self._others())
        if 2 * (reached + 1) > len(self._servers):
            self._heard_at_s = self._network.loop.time()
        return self._network.loop.time() - self._heard_at_s < 10.0

    def _stand(self) -> None:
        self.term += 1
        self._voted_for = self.name
        self._votes = {self.name}
        self._heard_at_s = self._network.loop.time()
        self._patience_s = self._random.uniform(*ELECTION_S)
        last_term = self.entries[-1].term if self.entries else 0
        for other in self._others():
            self._network.send(
                self.name, other.name, other.ask_vote, self.name, self.term, last_term, len(self.entries)
            )

    def _others(self) -> list[Server]:
        return [server for server in self._servers.each if server is not self]

    def _replicate(self) -> None:
        for other in self._others():
            self._replicate_to(other)

    def _replicate_to(self, other: Server) -> None:
        # All that is not confirmed yet, again and again: nothing has to be known of what was lost.
        begin = min(self._next[other.name], len(self.entries))
        before_term = self.entries[begin - 1].term if begin else 0
        self._network.send(
            self.name,
            other.name,
            other.append,
            self.name,
            self.term,
            begin,
            before_term,
            self.entries[begin:],
            self._committed,
        )

    def _sync(self, leader: str | None = None, upto: int = 0) -> None:
        """Sync what there is, then confirm it: to the leader, or as the leader to itself."""
        arguments = (self._life, self.term, leader, upto, len(self.entries))
        self._network.later(self._servers.sync_s(), self._note_synced, *arguments)

    def _note_synced(self, life: int, term: int, leader: str | None, upto: int, length: int) -> None:
        if (life, term) != (self._life, self.term):
            return
        self._synced = max(self._synced, min(length, len(self.entries)))
        if leader is not None:
            if upto <= self._synced:
                self._confirm(leader, upto, True)
        elif self.is_leader:
            self._matched[self.name] = self._synced
            self._advance()

    def _confirm(self, leader: str, matched: int, agrees: bool) -> None:
        there = self._servers[leader]
        self._network.send(self.name, leader, there.confirm, self.name, self.term, matched, agrees)

    def _advance(self) -> None:
        matched = sorted(self._matched.values())[-(len(self._servers) // 2 + 1)]
        if matched > self._committed and self.entries[matched - 1].term == self.term:
            self._commit(matched)
            if self._servers.tells_commits:
                self._replicate()

    def _commit(self, upto: int) -> None:
        self._committed = max(self._committed, upto)
        while self._applied < self._committed:
            entry = self.entries[self._applied]
            self._applied += 1
            self._apply(entry, self._applied)

    def _apply(self, entry: Entry, index: int) -> None:
        proposal = entry.proposal
        acknowledge = self._waiting.pop(index, None)
        if proposal is None:
            return
        message_id = proposal.message_id
        if message_id is not None:
            self._in_process.discard(message_id)
            if (found := self._find(message_id, entry.time_s)) is not None:
                if acknowledge is not None:
                    acknowledge({"stream": self._servers.stream, "seq": found, "duplicate": True})
                return
        stored = Stored(len(self.stored) + 1, entry.time_s, proposal)
        self.stored.append(stored)
        if self._servers.keeps is not None:
            self._kept_from = max(1, self.last - self._servers.keeps + 1)
        if message_id is not None:
            self._ids[message_id] = (stored.position, entry.time_s)
        if acknowledge is not None:
            acknowledge({"stream": self._servers.stream, "seq": stored.position})
            if self.is_leader and entry.term == self.term:
                self._servers.republish(self, stored)

    def _find(self, message_id: str, now_s: float) -> int | None:
        found = self._ids.get(message_id)
        return found[0] if found is not None and now_s - found[1] < WINDOW_S else None

    def _rebuild(self) -> None:
        self.stored.clear()
        self._ids.clear()
        self._applied = 0
        self._kept_from = 1
        committed, self._committed = self._committed, 0
        self._commit(committed)

    def _now_s(self) -> float:
        return self._network.loop.time() + self.skew_s


class Servers:
    """All servers of the cluster. `republish` is called with what a leader has committed.

    `keeps` is `max_msgs`, and `keeps_s` is `max_age`.
    """

    def __init__(
        self,
        network: Network,
        random: Random,
        *,
        stream: str,
        keeps: int | None,
        keeps_s: float | None = None,
        count: int = 3,
    ) -> None:
        self.network = network
        self.random = random
        self.stream = stream
        self.keeps = keeps
        self.keeps_s = keeps_s
        self.elections = 0
        self.slow_disks = False
        #: Up to this position everything is too old.
        self.expired = 0
        #: Whether followers hear of a commit at once; otherwise with the next message or heartbeat, so they lag.
        self.tells_commits = True
        self.republish: Callable[[Server, Stored], None] = lambda server, stored: None
        self.each = [Server(f"server{number}", self) for number in range(count)]
        self.names = [server.name for server in self.each]
        self._by_name = dict(zip(self.names, self.each, strict=True))

    def __len__(self) -> int:
        return len(self.each)

    def __getitem__(self, name: str) -> Server:
        return self._by_name[name]

    def start(self) -> None:
        """Start all of them; one is elected soon."""
        for server in self.each:
            server.start()
        self.each[self.random.randrange(len(self.each))].hurry()

    def expire(self) -> None:
        """Let retention take all that is stored so far, wherever it is."""
        last = max(server.last for server in self.each)
        self.expired = max(self.expired, last)

    def leader_for(self, name: str) -> Server | None:
        """Return the leader as a server sees it: one that it can reach; of two, the newer."""
        leaders = [
            server
            for server in self.each
            if server.alive and server.is_leader and (server.name == name or self.network.is_open(name, server.name))
        ]
        return max(leaders, key=lambda server: server.term, default=None)

    def sync_s(self) -> float:
        """Return how long a disk takes to sync."""
        return self.random.uniform(0.0002, 0.002) if not self.slow_disks else self.random.uniform(0.001, 0.3)


def _error(code: int, number: int, description: str) -> dict[str, object]:
    return {"error": {"code": code, "err_code": number, "description": description}}
