"""Instructions of the hub for a publish, a delivery, a connection: figures without the noise of a clock.

valgrind's callgrind counts them, so only what the hub's process runs itself: nothing of the kernel. The same hub on the
same Python and libraries has the same figures to about one in twenty, also on a busy machine.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figure import Figures
from bench.hub import HUB_PUBLISH_PATH, HubFolder
from bench.notice import ACCOUNT, batch_body, publish_body, user_id
from bench.plan import Plan
from bench.process import BUILD, ROOT
from bench.replay import MISSED, catch_up, request_stream
from bench.request import post_all
from bench.transport import TRANSPORTS

__all__ = ["count_instructions", "install_counter", "measure_instructions"]

RECEIVERS = 100
#: valgrind runs a program about fifty times slower.
START_S, ANSWER_S = 300.0, 60.0
WARM_UP = 30


def install_counter() -> None:
    """Install valgrind where Debian's package can be had."""
    if shutil.which("valgrind") is None:
        subprocess.run([str(ROOT / "requirements/install-debian.sh"), "Counting instructions", "valgrind"], check=False)


def measure_instructions(figures: Figures, plan: Plan) -> None:
    """Count what a publish, its deliveries, a connection and a replay cost the hub."""
    if not plan.counted_publishes:
        return
    install_counter()
    if shutil.which("valgrind") is None:
        figures.warn("no instructions are counted: there is no valgrind (Debian: sudo apt-get install valgrind)")
        return
    for title, count in count_instructions(ROOT, plan.counted_publishes).items():
        figures.row(f"hub's instructions: {title}", "thousand").add("hub", count / 1e3)
        print(f"    {title}: {count:,.0f} instructions", flush=True)


def count_instructions(tree: Path, publishes: int) -> dict[str, float]:
    """Return the counts of the hub whose source is in `tree`, by what was done."""
    counts: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=BUILD) as out, HubFolder(users=3 * RECEIVERS + 2) as folder:
        command = ["valgrind", "--tool=callgrind", "--fair-sched=try", f"--callgrind-out-file={out}/count"]
        with folder.serve(tree, wrapper=command, start_s=START_S) as (port, pid):

            def count(work: Callable[[], object]) -> float:
                _dump(pid, Path(out))
                work()
                return _dump(pid, Path(out))

            def publish(*users: int | None) -> None:
                for_all: dict[str, object] = {"account_id": ACCOUNT}
                targets = [for_all if user is None else for_all | {"user_id": user_id(user)} for user in users]
                requests = [(HUB_PUBLISH_PATH, publish_body(target)) for target in targets]
                post_all(port, requests, folder.publish_headers)

            away = 3 * RECEIVERS
            publish(*[away] * WARM_UP)
            alone = count(lambda: publish(*[away] * publishes)) / publishes
            counts["a publish to a user who is away"] = alone
            for place, (transport, name) in enumerate(TRANSPORTS.items()):
                users = range(place * RECEIVERS, (place + 1) * RECEIVERS)
                for what, series in (("for the first time", 0), ("with a new token", 1)):
                    paths = [f"/{transport}?token={folder.token(user, series=series)}" for user in users]
                    with contextlib.ExitStack() as opened:
                        # A first one brings in what is made once.
                        opened.enter_context(_listen(port, transport, [paths[0]]))
                        cost = count(lambda: opened.enter_context(_listen(port, transport, paths[1:])))  # noqa: B023
                        counts[f"{name}: a connection {what}"] = cost / (RECEIVERS - 1)
                        publish(*[None] * WARM_UP)
                        if series:
                            cost = count(lambda: publish(*[None] * publishes)) / publishes
                            counts[f"{name}: a delivery to 1 of {RECEIVERS}, besides its publish"] = (
                                cost - alone
                            ) / RECEIVERS
                            to_each = [user for _ in range(publishes // RECEIVERS) for user in users]
                            cost = count(lambda: publish(*to_each))  # noqa: B023
                            counts[f"{name}: a publish to one user, delivered"] = cost / len(to_each)
            _count_replay(counts, count, folder, port, away + 1)
    return counts


def _count_replay(
    counts: dict[str, float],
    count: Callable[[Callable[[], object]], float],
    folder: HubFolder,
    port: int,
    user: int,
) -> None:
    target = {"account_id": ACCOUNT, "user_id": user_id(user)}
    cursor = folder.publish(port, user_id(user))
    post_all(port, [(f"{HUB_PUBLISH_PATH}/batch", batch_body([target] * MISSED))], folder.publish_headers)
    for transport, name in TRANSPORTS.items():
        path = f"/{transport}?token={folder.token(user)}&cursor={cursor}"
        catch_up(port, transport, path)
        counts[f"{name}: a replay of {MISSED:,}"] = count(lambda: catch_up(port, transport, path))  # noqa: B023


@contextlib.contextmanager
def _listen(port: int, transport: str, paths: list[str]) -> Iterator[None]:
    """Hold a connection for each path; what arrives waits in the kernel."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S))
            client.sendall(request_stream(port, transport, path))
            head = client.recv(4_096)
            if not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
                raise RuntimeError(f"the hub answered {head[:200]!r}")
        yield


def _dump(pid: int, folder: Path) -> float:
    """Return the instructions since the last time."""
    before = set(folder.iterdir())
    done = subprocess.run(["callgrind_control", "--dump", str(pid)], capture_output=True, text=True, timeout=ANSWER_S)
    made = sorted(set(folder.iterdir()) - before)
    found = re.search(r"^summary: (\d+)", made[-1].read_text(), re.MULTILINE) if made else None
    if found is None:
        raise RuntimeError(f"callgrind_control told no count: {done.stdout}{done.stderr}")
    return float(found[1])
