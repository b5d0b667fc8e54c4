"""One simulation: three servers, three nodes, services and clients, and what goes wrong; all of it from one seed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from hub.cursor import Epoch
from hub.errors import HubError
from hub.log.jetstream.stream import EPOCH, stream_settings
from hub.log.port import Change, Draft
from hub.target import CONTROL, EVERYONE, Target, account_target, user_target
from tests.simulation.client import Client, Followed
from tests.simulation.connection import Bus
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Network
from tests.simulation.node import NAMES, Node, NodeDied
from tests.simulation.servers import Server, Servers, Stored
from tests.simulation.threads import Threads, virtual_threads
from tests.simulation.truth import Broken, Truth, require

__all__ = ["FAULTS", "Outcome", "Plan", "simulate"]

AUDIENCES: list[tuple[Target, ...]] = [
    (EVERYONE,),
    (account_target("a"),),
    (user_target("a", "1"),),
    (user_target("a", "1"), user_target("a", "2")),
    (user_target("b", "1"),),
]
EVERYBODY: list[Target] = sorted({target for audience in AUDIENCES for target in audience})
LISTENERS: list[tuple[Target, ...]] = [
    (EVERYONE, account_target("a"), user_target("a", "1")),
    (EVERYONE, account_target("a"), user_target("a", "2")),
    (EVERYONE, account_target("b"), user_target("b", "1")),
]
#: People whose state changes; no notification is for one of them alone, so an erasure takes none.
PEOPLE = ["p1", "p2", "p3", "p4"]
OWNERS = [f"preferences{user_target('a', person)}" for person in PEOPLE]
#: How long a revocation is in force.
_IN_FORCE_S = 2e9
#: Files are as real as anywhere, and no disk has to be waited for.
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
#: How long nothing goes wrong any more in the end, at most, until everything must have arrived. The round of a node
#: that was killed is given a minute, and an erasure voids the next one: seed 13477 needs 107 s.
QUIESCENCE_S = 240.0


class Outcome(msgspec.Struct, frozen=True):
    """What came of a simulation, in numbers, and a digest of its course: two of one seed are equal."""

    seed: int
    published: int
    acknowledged: int
    duplicates: int
    elections: int
    faults: int
    kinds: tuple[str, ...]
    gaps: int
    is_state_lost: bool
    virtual_s: float
    digest: str


class Plan:
    """What a seed makes of a simulation: which faults it has, and how many of everything."""

    def __init__(self, seed: int) -> None:
        random = self.random = Random(seed)
        self.seed = seed
        self.lasts_s = random.uniform(5.0, 14.0)
        self.publishers = random.randint(1, 3)
        self.pause_s = random.choice([0.3, 1.0, 1.0])
        self.clients = random.randint(2, 4)
        self.keeps = random.choice([None, None, 15, 30])
        self.keeps_s = random.choice([None, None, None, 10.0, 20.0])
        self.drops = random.choice([0.0, 0.0, 0.02, 0.3])
        self.repeats = random.choice([0.0, 0.05, 0.3])
        self.reorders = random.choice([0.0, 0.05, 0.3])
        self.page_drops = random.choice([0.0, 0.0, 0.05])
        self.busy = random.choice([0.0, 0.0, 0.1])
        self.tells_commits = random.random() < 0.7
        self.delay_s = random.choice([(0.0002, 0.003), (0.001, 0.05), (0.01, 0.3)])
        #: Now and then nothing goes wrong: then nothing may be refused either.
        self.faults = [fault for fault in FAULTS if random.random() < 0.45] if random.random() < 0.9 else []
        self.fault_pause_s = random.choice([0.7, 2.0, 4.0])
        self.state_pause_s = random.choice([0.5, 2.0])
        self.rebuilds = random.random() < 0.4

    @property
    def config(self) -> dict[str, object]:
        """The stream's settings."""
        metadata: dict[str, str] = {EPOCH: Epoch("aaaaaaaaaa")}
        settings = stream_settings(
            NAMES,
            replicas=3,
            first=1,
            max_age_s=self.keeps_s or 86_400,
            max_records=self.keeps or 10_000,
            metadata=metadata,
        )
        # The window is not what is tried here: no stream that may be used forgets so soon.
        return {**settings, "duplicate_window": 600 * 10**9}


class World:
    """Everything that takes part. Its methods named `fault_*` are what goes wrong."""

    def __init__(self, plan: Plan, loop: VirtualLoop, threads: Threads, folder: Path) -> None:
        self.plan = plan
        self.loop = loop
        self.random = plan.random
        self.truth = Truth()
        self.trace: list[str] = []
        self.faults = 0
        #: Which kinds there were.
        self.kinds: dict[str, None] = {}
        self.network = Network(loop, self.random)
        self.network.delay_s = plan.delay_s
        self.servers = Servers(self.network, self.random, stream=NAMES.stream, keeps=plan.keeps, keeps_s=plan.keeps_s)
        self.servers.tells_commits = plan.tells_commits
        self.bus = Bus(self.network, self.random, self.servers, names=NAMES, config=plan.config)
        self._republish, self.servers.republish = self.servers.republish, self._note_stored
        self.nodes = [
            Node(f"node{number}", self.bus, folder / f"node{number}", threads, self.random) for number in range(3)
        ]
        self.clients = [
            Client(f"client{number}", LISTENERS[number % len(LISTENERS)], self.choose_log, self.random)
            for number in range(plan.clients)
        ]
        self.calm = False
        #: Whether at some time no node had all state: then nobody can bring it back.
        self.is_state_lost = False
        self._controls = 0
        self._failures: list[BaseException] = []
        loop.set_exception_handler(self._note_failure)
        self._tasks: dict[asyncio.Task[None], None] = {}

    async def run(self) -> None:
        """Let everything happen, then let it come to rest, and compare."""
        self.servers.start()
        self.network.drops, self.network.repeats = self.plan.drops, self.plan.repeats
        self.network.reorders = self.plan.reorders
        self.bus.page_drops, self.bus.busy = self.plan.page_drops, self.plan.busy
        for node in self.nodes:
            self.spawn(node.start())
        for client in self.clients:
            self.spawn(client.run())
        for number in range(self.plan.publishers):
            self.spawn(self._publish_on(number))
        self.spawn(self._change_state())
        self.spawn(self._do_harm())
        await self._until(lambda: self.loop.time() >= self.plan.lasts_s, self.plan.lasts_s + 1)
        await self._rest()
        await self.check()

    async def end(self) -> None:
        """End everything that still runs."""
        self.calm = True
        for node in self.nodes:
            node.kill()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the rest."""
        task = self.loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._note_end)

    def note(self, text: str) -> None:
        """Write a line of the course."""
        self.trace.append(f"{self.loop.time():9.4f} {text}")

    def choose_log(self) -> Followed | None:
        """Return the log of a node, if that is up."""
        return self.random.choice(self.nodes).log

    async def check(self) -> None:
        """Compare everything with the stream."""
        longest = max(self.servers.each, key=lambda server: server.last)
        first = max(server.first for server in self.servers.each)
        ids = self.truth.check_stream(longest.stored, first)
        for server in self.servers.each:
            require(server.stored == longest.stored, f"{server.name} has another stream: the simulation is wrong")
        for node in self.nodes:
            require(node.log is not None, f"{node.name} is not up")
            self.truth.check_mirror(node.name, await node.read(EVERYBODY), ids, first)
            await self._check_state(node)
        for client in self.clients:
            lost = [gap for gap in client.gaps if gap[1] > gap[0]]
            require(not lost or first > 1, f"{client.name} was told of a gap where retention took nothing: {lost}")
            for segment in client.segments:
                self.truth.check_segment(segment, ids)
            require(client.position == len(ids), f"{client.name} ends at {client.position} of {len(ids)}")

    async def _check_state(self, node: Node) -> None:
        """Compare what outlives retention with what follows from all that the stream has had."""
        if self.is_state_lost:
            return
        assert node.log is not None
        longest = max(self.servers.each, key=lambda server: server.last)
        rows, controls = self.truth.follow_state(longest.stored)
        entries = await node.log.list_state(OWNERS, limit=1_000)
        found = {(entry.owner, entry.key): entry.value for entry in entries}
        require(found == rows, f"{node.name} has the state {found} where the stream made {rows}")
        revoked = {record.payload for record in await node.read([CONTROL])}
        require(revoked == controls, f"{node.name} has the revocations {revoked} where the stream had {controls}")

    def note_state(self) -> None:
        """Look whether some node has all state."""
        first = max(server.first for server in self.servers.each)
        if not any(node.knows(first) for node in self.nodes):
            self.is_state_lost = True

    # Services

    def _note_stored(self, server: Server, stored: Stored) -> None:
        """Change state or erase somebody at the moment at which a node begins to renew what the stream drops."""
        self._republish(server, stored)
        if b"begin" not in stored.proposal.payload:
            return
        kind = self.random.random()
        if kind < 0.3:
            self.spawn(self._erase(self.random.choice(PEOPLE)))
        elif kind < 0.8:
            for owner in self.random.sample(OWNERS, 2):
                for key in ("k1", "k2"):
                    value = None if self.random.random() < 0.7 else b"%d" % stored.position
                    self.spawn(self._publish_draft(self.truth.draft_state(Change(owner, key, value))))

    async def _change_state(self) -> None:
        count = 0
        while not self.calm:
            await asyncio.sleep(self.random.uniform(0, 2 * self.plan.state_pause_s))
            count += 1
            kind = self.random.random()
            if kind < 0.05:
                self.spawn(self._erase(self.random.choice(PEOPLE)))
            elif kind < 0.1 and self._controls < 2:
                self._controls += 1
                self.spawn(self._publish_draft(self.truth.draft_control(_IN_FORCE_S)))
            else:
                value = None if self.random.random() < 0.3 else b"%d" % count
                change = Change(self.random.choice(OWNERS), self.random.choice(["k1", "k2"]), value)
                self.spawn(self._publish_draft(self.truth.draft_state(change)))

    async def _publish_draft(self, draft: Draft) -> None:
        node = self.random.choice(self.nodes)
        if node.log is not None:
            with contextlib.suppress(HubError, NodeDied):
                self.truth.note([draft], await node.append([draft]))
                self.note(f"{draft.id} is state")

    async def _erase(self, person: str) -> None:
        node = self.random.choice(self.nodes)
        if node.log is not None:
            with contextlib.suppress(HubError):
                await node.log.erase(person, "a")
                self.note(f"{person} is erased")

    async def _publish_on(self, number: int) -> None:
        count = 0
        while not self.calm:
            await asyncio.sleep(self.random.uniform(0, 2 * self.plan.pause_s))
            count += 1
            kind = self.random.random()
            key = hashlib.sha256(f"{number} {count}".encode()).digest() if kind < 0.7 else None
            audience = self.random.choice(AUDIENCES)
            if kind < 0.1:
                # One key from several callers at one time.
                for _ in range(self.random.randint(2, 4)):
                    self.spawn(self._publish(audience, key, b"one body"))
            elif kind < 0.15:
                self.spawn(self._publish(audience, key, b"one body"))
                self.spawn(self._publish(audience, key, b"another"))
            elif kind < 0.3:
                # A service that lost the response publishes again, also later.
                await self._publish(audience, key, b"one body")
                await self._publish(audience, key, b"one body")
            elif kind > 0.9:
                for _ in range(self.random.randint(2, 8)):
                    self.spawn(self._publish(audience, None, b""))
            else:
                self.spawn(self._publish(audience, key, b"one body"))

    async def _publish(self, audience: tuple[Target, ...], key: bytes | None, body: bytes) -> None:
        for _ in range(5):
            node = self.random.choice(self.nodes)
            if node.log is not None:
                draft = self.truth.draft(audience, key, body)
                try:
                    results = await node.append([draft])
                except (HubError, NodeDied) as error:
                    # A node that missed what the stream has dropped cannot say what a key was used for.
                    is_calm = not self.plan.faults and max(server.first for server in self.servers.each) == 1
                    require(not is_calm, f"refused in calm: {type(error).__name__}")
                    self.note(f"{draft.id} refused: {type(error).__name__}")
                else:
                    self.truth.note([draft], results)
                    self.note(f"{draft.id} {results}")
                    return
            await asyncio.sleep(self.random.uniform(0.2, 3.0))

    # What goes wrong

    async def _do_harm(self) -> None:
        while self.plan.faults and not self.calm:
            await asyncio.sleep(self.random.uniform(0, 2 * self.plan.fault_pause_s))
            if not self.calm:
                name = self.random.choice(self.plan.faults)
                self.faults += 1
                self.kinds[name] = None
                self.note(name)
                self.spawn(getattr(self, f"fault_{name}")())

    async def fault_server_crash(self) -> None:
        """A server loses its power, often the leader."""
        living = [server for server in self.servers.each if server.alive]
        leaders = [server for server in living if server.is_leader]
        if len(living) < 2:
            return
        server = self.random.choice(leaders) if leaders and self.random.random() < 0.6 else self.random.choice(living)
        server.crash()
        self.network.kill(server.name)
        for node in self.nodes:
            node.lose_server(server.name)
        await asyncio.sleep(self.random.choice([0.5, 5.0, 15.0]))
        if not server.alive:
            self.network.revive(server.name)
            server.restart()

    async def fault_step_down(self) -> None:
        """The leader is asked to step down."""
        for server in self.servers.each:
            if server.alive:
                server.step_down()

    async def fault_partition(self) -> None:
        """The network falls into two parts."""
        names = [*self.servers.names, *(node.name for node in self.nodes)]
        part = {name for name in names if self.random.random() < 0.4}
        for name in names:
            for other in names:
                if (name in part) != (other in part):
                    self.network.cut(name, other)
        await asyncio.sleep(self.random.choice([1.0, 6.0, 20.0]))
        self.network.heal()

    async def fault_connection(self) -> None:
        """A node's connection breaks."""
        self.random.choice(self.nodes).cut()

    async def fault_node_kill(self) -> None:
        """A node is killed; its clients go elsewhere, and it comes back with its file."""
        await self._kill_node(loses_power=False)

    async def fault_node_power(self) -> None:
        """A node loses its power; of its file anything may be missing, and it comes back with an older or no file."""
        await self._kill_node(loses_power=True)

    async def fault_node_disk(self) -> None:
        """A node's disk is full."""
        node = self.random.choice(self.nodes)
        node.fill_disk(True)
        await asyncio.sleep(self.random.choice([0.5, 4.0, 12.0]))
        node.fill_disk(False)

    async def fault_server_disk(self) -> None:
        """A server's disk is full."""
        server = self.random.choice(self.servers.each)
        server.disk_full = True
        await asyncio.sleep(self.random.choice([0.5, 4.0, 12.0]))
        server.disk_full = False

    async def fault_slow_disks(self) -> None:
        """The servers' disks are slow."""
        self.servers.slow_disks = True
        await asyncio.sleep(self.random.choice([1.0, 6.0]))
        self.servers.slow_disks = False

    async def fault_retention(self) -> None:
        """Retention takes everything that is stored so far."""
        self.servers.expire()
        self.note_state()

    async def fault_clocks(self) -> None:
        """The clocks of a node and a server jump."""
        self.random.choice(self.nodes).skew_s = self.random.uniform(-100, 100)
        self.random.choice(self.servers.each).skew_s = self.random.uniform(-20, 20)

    async def _kill_node(self, *, loses_power: bool) -> None:
        node = self.random.choice(self.nodes)
        log = node.log
        if log is None:
            return
        node.kill(loses_power=loses_power)
        self.note_state()
        for client in self.clients:
            client.leave(log)
        await asyncio.sleep(self.random.choice([0.1, 2.0, 10.0]))
        await node.start()

    async def _rest(self) -> None:
        self.calm = True
        # What is published last may be lost on its way, too.
        await asyncio.sleep(2.0)
        self.note("calm")
        self.network.heal()
        self.network.drops = self.network.repeats = self.network.reorders = 0.0
        self.bus.page_drops = self.bus.busy = 0.0
        self.servers.slow_disks = False
        for server in self.servers.each:
            server.disk_full = False
            if not server.alive:
                self.network.revive(server.name)
                server.restart()
        for node in self.nodes:
            node.fill_disk(False)
        for client in self.clients:
            client.hurries = True
        await self._until(self._is_at_rest, QUIESCENCE_S)
        if self.plan.rebuilds:
            await self._rebuild()
        await self._publish_in_calm()
        await self._until(self._is_at_rest, QUIESCENCE_S)

    async def _rebuild(self) -> None:
        """Drop all that the stream has, and have a node begin with nothing."""
        self.servers.expire()
        self.note_state()
        node = self.random.choice(self.nodes)
        log = node.log
        assert log is not None
        node.kill()
        node.lose_files()
        self.note_state()
        self.note(f"{node.name} begins anew")
        for client in self.clients:
            client.leave(log)
        await node.start()
        await self._until(self._is_at_rest, QUIESCENCE_S)

    async def _publish_in_calm(self) -> None:
        for node in self.nodes:
            draft = self.truth.draft(AUDIENCES[0], None, b"")
            try:
                self.truth.note([draft], await node.append([draft]))
            except HubError as error:
                raise Broken(f"{node.name} cannot publish in calm: {type(error).__name__}") from error

    def _is_at_rest(self) -> bool:
        head = max(server.last for server in self.servers.each)
        return (
            not [task for task in self._tasks if "_publish" in str(task.get_coro())]
            and all(server.last == head for server in self.servers.each)
            and all(node.log is not None and node.log.head == head for node in self.nodes)
            and (self.is_state_lost or not any(node.is_partial for node in self.nodes))
            and all(client.position == head for client in self.clients)
        )

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        ends_s = self.loop.time() + timeout_s
        while not condition():
            for node in self.nodes:
                node.look()
            self.note_state()
            if self._failures:
                raise self._failures[0]
            if self.loop.time() > ends_s:
                await self.check()
                raise TimeoutError("it does not come to rest")
            await asyncio.sleep(0.5)

    def _note_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._failures.append(context.get("exception") or Broken(context["message"]))

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)


FAULTS = [name.removeprefix("fault_") for name in vars(World) if name.startswith("fault_")]


@contextmanager
def silent_logs() -> Generator[None, None, None]:
    """Write no log lines: nearly all that goes wrong is reported, as it should be."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def simulate(seed: int, *, trace: Callable[[str], None] | None = None) -> Outcome:
    """Run one simulation.

    Raises:
        Broken: a promise was broken.
    """
    loop = VirtualLoop()
    plan = Plan(seed)
    world = None
    try:
        with (
            TemporaryDirectory(dir=_MEMORY) as folder,
            silent_logs(),
            virtual_threads(loop, Random(f"{seed} threads")) as threads,
        ):
            world = World(plan, loop, threads, Path(folder))
            try:
                loop.run_until_complete(world.run())
            finally:
                loop.run_until_complete(world.end())
    finally:
        if trace is not None and world is not None:
            for line in world.trace:
                trace(line)
        loop.close()
    truth = world.truth
    return Outcome(
        seed=seed,
        published=len(truth.drafts),
        acknowledged=len(truth.acknowledged),
        duplicates=truth.duplicates,
        elections=world.servers.elections,
        faults=world.faults,
        kinds=tuple(sorted(world.kinds)),
        gaps=sum(len(client.gaps) for client in world.clients),
        is_state_lost=world.is_state_lost,
        virtual_s=loop.time(),
        digest=hashlib.sha256("\n".join(world.trace).encode()).hexdigest()[:16],
    )
