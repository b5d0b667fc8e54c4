"""A node of a cluster: implements `hub.cluster.port.Cluster` over NATS."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from contracts.health import NodeReadiness
from contracts.receipt import NodesAnswered
from contracts.stats import NodeStats, Stats
from hub.auth.grant import Grant
from hub.auth.tickets import digest_ticket, find_issuer
from hub.bounds import Bounds
from hub.cluster.clock_watch import ClockWatch
from hub.cluster.lease import Lease
from hub.cluster.local import Local, SharedLog
from hub.cluster.members import Member, Members
from hub.cluster.message import (
    AckMessage,
    AnswerMessage,
    AskClose,
    AskName,
    AskSignal,
    AskStats,
    AskTaken,
    AskTicket,
    CountsMessage,
    HeadMessage,
    PresenceMessage,
    QuestionMessage,
)
from hub.cluster.operator import Asked, OperatorQuestion
from hub.cluster.port import Reach, Reached
from hub.cluster.questions import Questions
from hub.cluster.reach import NodesReach
from hub.cluster.replicas import Replicas
from hub.cluster.subject import Subjects
from hub.cluster.sums import sum_stats
from hub.cluster.talk import Talk
from hub.cursor import Cursor, Epoch
from hub.errors import InvalidToken, SettingsError, TokenExpired
from hub.log.port import Kind, Log, Record
from hub.metrics import Metrics
from hub.nats.port import Nats, NatsError
from hub.target import Target
from hub.tasks import Tasks

__all__ = ["NatsCluster"]

#: Positions in one message of counts.
_COUNTS = 1_000
#: A head that is further ahead than this was invented.
_MAX_AHEAD = 100_000_000


class NatsCluster:
    """This node among the others. `claim_name` first, `start` once it can answer, `close` in the end."""

    def __init__(
        self,
        nats: Nats,
        *,
        node: str,
        stream: str,
        version: str,
        metrics: Metrics,
        bounds: Bounds,
        receipt_wait_s: float,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nats = nats
        self._node = node
        self._life = secrets.token_hex(8)
        self._version = version
        self._metrics = metrics
        self._bounds = bounds
        self._receipt_wait_s = receipt_wait_s
        self._now = now
        self._monotonic = monotonic
        self._members = Members(node, self._life)
        self._talk = Talk(
            nats,
            self._members,
            Subjects(stream),
            node=node,
            life=self._life,
            dropped=metrics.cluster_dropped,
            monotonic=monotonic,
        )
        self._reach = NodesReach(
            self._members, wait_s=receipt_wait_s, limit=bounds.told_notifications, monotonic=monotonic
        )
        self._clocks = ClockWatch(self._talk, self._members, bounds, now=now, monotonic=monotonic)
        self._tasks = Tasks()
        self._questions = Questions(self._talk, dispatched=lambda: self._dispatched(), now=now)
        self._local: Local | None = None
        self._log: Log | None = None
        self._shared: SharedLog | None = None
        self._replicas = Replicas(nats, stream, every_s=bounds.node_replicas_s)
        self._dispatched: Callable[[], int] = _no_position
        #: Says whether clients are sent to other nodes.
        self.is_isolated: Callable[[], bool] = _is_never

    @property
    def node(self) -> str | None:
        """The name of this node."""
        return self._node

    @property
    def reach(self) -> Reach | None:
        """Who learns how many connections of other nodes a notification met."""
        return self._reach

    async def claim_name(self) -> None:
        """Find out whether another node that runs has this name.

        Raises:
            SettingsError: it has, or NATS cannot be asked.
        """
        try:
            await self._talk.listen(self._talk.subjects.ask(self._node), QuestionMessage, self._questions.take)
            await self._talk.listen_namesakes(lambda: self._local is not None)
            other = await self._talk.find_namesake(AskName(), timeout_s=self._bounds.node_name_s)
        except NatsError as error:
            raise SettingsError(f"HUB_NODE: whether another node has this name cannot be asked: {error}") from None
        # Of two that start at one time, one has to give way.
        if other is not None and (other.running or other.life < self._life):
            raise SettingsError(
                f"HUB_NODE: a node with the name {self._node} runs already. Every node needs a name of its own"
            )

    async def start(
        self,
        local: Local,
        log: Log,
        shared: SharedLog,
        *,
        dispatched: Callable[[], int],
    ) -> None:
        """Answer the other nodes from here on, and tell them of this one.

        `shared` is told of newer positions of the log; `dispatched` says which one was dispatched last.

        Raises:
            NatsError: nothing can be subscribed.
        """
        self._local, self._log, self._shared, self._dispatched = local, log, shared, dispatched
        self._questions.local = local
        subjects = self._talk.subjects
        await self._talk.listen(subjects.head, HeadMessage, self._take_head)
        await self._talk.listen(subjects.presence, PresenceMessage, self._take_presence)
        await self._talk.listen(subjects.counts(self._node), CountsMessage, self._take_counts)
        await self._talk.listen(subjects.acks, AckMessage, self._take_ack)
        await self._talk.listen(subjects.ask_all, QuestionMessage, self._questions.take)
        self._tasks.start("cluster beacon", self._tell_head())
        self._tasks.start("cluster presence", self._tell_presence())
        self._tasks.start("cluster clocks", self._clocks.run())
        self._tasks.start("stream replicas", self._replicas.run())

    async def close(self) -> None:
        """Say that this node ends, and end."""
        if self._local is not None:
            self._talk.say(self._talk.subjects.presence, self._describe("leaving"))
        self._talk.end()
        await self._tasks.stop()
        await self._questions.close()

    def tell_dispatched(self, records: Sequence[Record]) -> None:
        """Tell the nodes that appended these records how many connections they met here."""
        by_origin: dict[str, list[tuple[int, int]]] = {}
        for record in records:
            if record.origin is None or record.origin == self._node or record.kind is not Kind.NOTIFICATION:
                continue
            count = self._known_local.count_met(record.position)
            if count is not None:
                by_origin.setdefault(record.origin, []).append((record.position, count))
        for origin, counts in by_origin.items():
            for start in range(0, len(counts), _COUNTS):
                part = counts[start : start + _COUNTS]
                message = CountsMessage(node=self._node, life=self._life, counts=part)
                self._talk.say(self._talk.subjects.counts(origin), message)

    async def redeem(self, ticket: str, origin: str | None) -> Grant:
        """Return the grant behind a ticket of another node, which voids it.

        Raises:
            InvalidToken, TokenExpired: as `Tickets.redeem`; or that node is gone, or does not answer.
        """
        issuer = find_issuer(ticket)
        if issuer is None or self._members.find(issuer, self._monotonic()) is None:
            raise InvalidToken(reason="the node that issued the ticket is gone")
        question = AskTicket(digest_ticket(ticket).hex(), origin)
        answer = await self._talk.ask(issuer, question, timeout_s=self._bounds.node_answer_s)
        if answer is not None and answer.grant is not None:
            return answer.grant
        if answer is not None and answer.refused == "token_expired":
            raise TokenExpired(reason="the token behind the ticket has expired")
        reason = "that node did not answer" if answer is None else "that node does not accept it"
        raise InvalidToken(reason=f"the ticket is of another node: {reason}")

    async def disconnect(self, revocation: bytes, *, revoke: bool) -> Reached | None:
        """Have the other nodes close what a revocation names; return how many they closed."""
        answers = await self._talk.ask_all(AskClose(revocation.decode(), revoke), timeout_s=self._bounds.node_answer_s)
        return self._sum(answers)

    async def sum_stats(self, own: Stats) -> Stats:
        """Return the statistics of all nodes together; a node that does not answer is `silent`."""
        answers = await self._talk.ask_all(AskStats(), timeout_s=self._bounds.node_answer_s)
        told = {node: answer.stats for node, answer in answers.items() if answer.stats is not None}
        rows = [
            row if row.node in told or row.node == self._node else msgspec.structs.replace(row, state="silent")
            for row in self.list_nodes()
        ]
        return sum_stats(own, list(told.values()), rows)

    async def ask_nodes(self, question: OperatorQuestion) -> Asked | None:
        """Return what the other nodes answer an operator, as far as they do in time."""
        answers = await self._talk.ask_all(question, timeout_s=self._bounds.node_answer_s)
        told = {node: answer.told for node, answer in answers.items() if answer.told is not None}
        return Asked(told, self._count_nodes(told))

    def list_nodes(self) -> list[NodeStats]:
        """Return a row for each node that told of itself lately, this one included, in the order of names."""
        if self._local is None:
            return []
        own = self._describe(self._known_local.find_state())
        row = NodeStats(
            node=self._node,
            state=own.state if own.state != "leaving" else "draining",
            version=own.version,
            connections=own.connections,
            users=own.users,
            applied=own.applied,
            lag=own.lag,
            nats="connected" if self._nats.is_connected else "disconnected",
            uptime_seconds=own.uptime_s,
            seen_seconds=0.0,
        )
        return sorted([row, *self._members.describe(self._monotonic())], key=lambda each: each.node)

    async def send_signal(self, targets: Sequence[Target], kind: str, key: str, prefix: bytes) -> Reached | None:
        """Hand a signal to the other nodes; return how many of their connections it is for."""
        question = AskSignal(list(targets), kind, key, prefix.decode())
        return self._sum(await self._talk.ask_all(question, timeout_s=self._receipt_wait_s))

    async def has_taken(self, user: Target, position: int) -> bool:
        """Whether a connection of this user to another node has taken a notification; False where that is not known."""
        answers = await self._talk.ask_all(AskTaken(user, position), timeout_s=self._bounds.node_answer_s)
        return any(answer.taken for answer in answers.values())

    def tell_acknowledged(self, user: Target, cursor: Cursor) -> None:
        """Tell the other nodes that a client of this user has got everything up to a cursor, of what they handed it."""
        message = AckMessage(node=self._node, life=self._life, user=user, epoch=cursor.epoch, position=cursor.position)
        self._talk.say(self._talk.subjects.acks, message)

    async def lead(self, work: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run this work where no other node does, for as long as that is so, again and again until cancelled."""
        while self._log is None:  # noqa: ASYNC110  # only until `start`, in a moment
            await asyncio.sleep(0.05)
        bounds = self._bounds
        lease = Lease(
            work,
            self._log,
            node=self._node,
            life=self._life,
            renew_s=bounds.lease_renew_s,
            give_up_s=bounds.lease_give_up_s,
            take_over_s=bounds.lease_take_over_s,
            look_s=bounds.lease_look_s,
            monotonic=self._monotonic,
        )
        await lease.lead(run)

    def check(self) -> NodeReadiness | None:
        """Return this node's part in the cluster, for its readiness."""
        if self._shared is None:
            return None
        health = self._shared.health
        return NodeReadiness(
            node=self._node,
            nats="connected" if self._nats.is_connected else "disconnected",
            lag=health.lag,
            replica_lag=self._replicas.lag,
            isolated=self.is_isolated(),
            nodes=1 + len(self._members.list_alive(self._monotonic())),
        )

    @property
    def _known_local(self) -> Local:
        assert self._local is not None, "the cluster was not started"
        return self._local

    @property
    def _known_shared(self) -> SharedLog:
        assert self._shared is not None, "the cluster was not started"
        return self._shared

    def _sum(self, answers: Mapping[str, AnswerMessage]) -> Reached:
        return Reached(sum(answer.count or 0 for answer in answers.values()), self._count_nodes(answers))

    def _count_nodes(self, answers: Mapping[str, object]) -> NodesAnswered:
        known = [member.name for member in self._members.list_alive(self._monotonic())]
        silent = [name for name in known if name not in answers]
        nodes = NodesAnswered(answered=1 + len(answers), known=1 + len(known) + len(answers.keys() - set(known)))
        if silent:
            nodes.silent = silent
        return nodes

    def _describe(self, state: str) -> PresenceMessage:
        local, health = self._known_local, self._known_shared.health
        connections, users = local.count_connections()
        applied = self._dispatched()
        return msgspec.convert(
            {
                "node": self._node,
                "life": self._life,
                "state": state,
                "version": self._version,
                "connections": connections,
                "users": users,
                "applied": applied,
                "lag": max(0, health.head - applied),
                "uptime_s": max(0.0, self._now() - self._metrics.started_at_s),
                "at_s": self._now(),
            },
            PresenceMessage,
        )

    async def _tell_head(self) -> None:
        shared = self._known_shared
        while True:
            message = HeadMessage(node=self._node, life=self._life, epoch=shared.epoch, head=shared.health.head)
            self._talk.say(self._talk.subjects.head, message)
            await asyncio.sleep(self._bounds.node_beacon_s)

    async def _tell_presence(self) -> None:
        while True:
            self._talk.say(self._talk.subjects.presence, self._describe(self._known_local.find_state()))
            await asyncio.sleep(self._bounds.node_presence_s)

    def _take_head(self, said: HeadMessage, member: Member, reply: str) -> None:
        shared = self._known_shared
        if said.epoch != shared.epoch:
            self._talk.drop("epoch")
        elif said.head > shared.health.head + _MAX_AHEAD:
            self._talk.drop("head")
        else:
            shared.learn_head(said.head)

    def _take_presence(self, said: PresenceMessage, member: Member, reply: str) -> None:
        if said.state == "leaving":
            self._members.leave(said.node, said.life)
            return
        member.presence = said
        self._clocks.note(member, said.at_s)

    def _take_ack(self, said: AckMessage, member: Member, reply: str) -> None:
        self._known_local.take_acknowledged(Target(said.user), Cursor(Epoch(said.epoch), said.position))

    def _take_counts(self, said: CountsMessage, member: Member, reply: str) -> None:
        self._reach.note(said)


def _no_position() -> int:
    return 0


def _is_never() -> bool:
    return False
