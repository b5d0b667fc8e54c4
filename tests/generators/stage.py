"""The hub that a generated client talks to, and what must have happened when it is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hub.api.openapi.document import build_document, write_artefacts
from hub.publish.registry import load_type_registry
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT, USER

__all__ = ["EXAMPLES", "Stage", "Subscriber", "Unmet", "open_stage", "write_documents"]

PROGRAM_DEADLINE_S = 120.0
FRAME_DEADLINE_S = 10.0
_NOTIFY = "/api/internal/notify"

#: AvelarSys's types, and a company's own, as odd as they may be: each generator has to cope with all of them.
CONTRACTS = "contracts.avelarsys,tests.contracts.company"
_OWN = "service-order:created"
_registry = load_type_registry(CONTRACTS.split(","))
_document = build_document(_registry, version="0")
_body = _document["paths"][_NOTIFY]["post"]["requestBody"]["content"]["application/json"]
#: Type -> the `data` that a program must have published: the types of AvelarSys and one of the company's own.
EXAMPLES: dict[str, Any] = {
    example["value"]["type"]: example["value"]["data"]
    for example in _body["examples"].values()
    if example["value"]["type"] in {*load_type_registry(["contracts.avelarsys"]).types, _OWN}
}


def write_documents(folder: Path) -> None:
    """Write what the generators read."""
    write_artefacts(folder, registry=_registry)


class Unmet(Exception):
    """A generated client did not do what it should have."""


class Stage:
    """A hub process, and a subscriber for each program that publishes to it."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscriber]:
        """Connect the user whom every notification is for."""
        token = self._hub.token(ACCOUNT, USER)
        async with connect(f"ws://127.0.0.1:{self._hub.port}/ws?token={token}", proxy=None) as connection:
            hello = json.loads(await connection.recv())
            told = {
                "HUB_URL": f"http://127.0.0.1:{self._hub.port}",
                "HUB_KEY": self._hub.key,
                "HUB_TOKEN": token,
                "HUB_USER": USER,
                "HUB_ACCOUNT": ACCOUNT,
                "HUB_CURSOR": hello["data"]["cursor"],
            }
            yield Subscriber(connection, told)

    async def check(self, command: list[str], *, folder: Path, environment: dict[str, str]) -> None:
        """Run a program; compare what it says with what reached the subscriber.

        Raises:
            Unmet: it failed, or something it should have done did not happen.
        """
        async with self.subscribe() as subscriber:
            output = await _run(command, folder, {**environment, **subscriber.told})
            await _compare([line.split() for line in output.splitlines()], output, subscriber)


class Subscriber:
    """The user of every notification, and what a publisher must be told of them."""

    def __init__(self, connection: ClientConnection, told: dict[str, str]) -> None:
        self._connection = connection
        #: The environment of a program.
        self.told = told

    async def frames(self, count: int) -> list[dict[str, Any]]:
        """Wait for the next notifications.

        Raises:
            Unmet: one did not come.
        """
        found: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(FRAME_DEADLINE_S):
                while len(found) < count:
                    frame: dict[str, Any] = json.loads(await self._connection.recv())
                    if "id" in frame:
                        found.append(frame)
        except (TimeoutError, ConnectionClosed):
            raise Unmet(f"{len(found)} of {count} frames reached the subscriber") from None
        return found


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Start a hub; stop it at the end."""
    hub = HubProcess(folder, HUB_CONTRACTS=CONTRACTS)
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", trust_env=False) as http:
            await wait_ready(http)
        yield Stage(hub)
    finally:
        await hub.stop()


async def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(PROGRAM_DEADLINE_S):
            output = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        raise Unmet(f"not done within {PROGRAM_DEADLINE_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Unmet(f"the program failed\n{output[-4000:]}")
    return output


async def _compare(lines: list[list[str]], output: str, subscriber: Subscriber) -> None:
    published = {line[1]: line[2] for line in lines if line[:1] == ["published"]}
    _expect(list(EXAMPLES), list(published), "the types published", output)
    repeated = [line[1] for line in lines if line[:1] == ["repeated"]]
    _expect(1, len(repeated), "the repeats", output)
    batch = [receipt for line in lines if line[:1] == ["batch"] for receipt in line[1:]]
    _expect(2, len(batch), "the receipts of a batch of two", output)
    refused = [line[1:] for line in lines if line[:1] == ["refused"]]
    _expect([["400", "no_target"], ["401", "invalid_token"]], refused, "the problems", output)
    frames = await subscriber.frames(len(EXAMPLES) + 3)
    _expect([*published.values(), *repeated, *batch], [frame["id"] for frame in frames], "the frames", output)
    for frame, (tag, data) in zip(frames, EXAMPLES.items(), strict=False):
        _expect((tag, data), (frame["type"], frame.get("data")), "a frame's data", output)
    read = [tag for line in lines if line[:1] == ["read"] for tag in line[1:]]
    _expect([frame["type"] for frame in frames], read, "the types read back", output)


def _expect(expected: object, found: object, what: str, output: str) -> None:
    if expected != found:
        raise Unmet(f"{what}: {found!r} where {expected!r} was expected\n{output[-4000:]}")
