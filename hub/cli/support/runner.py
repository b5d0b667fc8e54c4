"""The process that `hub serve` is: one socket, one uvloop, one hub, and a plain sentence when it cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import sys
from collections.abc import Callable

import uvloop

from hub.app import HubApp
from hub.cli.support.address import address_of
from hub.cli.support.collector import settle_collector
from hub.cli.support.heap import Heap
from hub.cli.support.outcome import Refused, Unreachable, Unusable
from hub.edge.server import HubServer, configure, inherit_socket, listen
from hub.errors import SettingsError
from hub.logging import configure_logging
from hub.settings import Settings, find_unknown

__all__ = ["run_hub"]

logger = logging.getLogger("hub.serve")

SWITCH_INTERVAL_S = 0.0005
#: Between two looks for memory to give back.
GIVE_BACK_S = 5.0
#: Descriptors beside those of the connections that `WS_MAX_CONNECTIONS` counts: the log, the directory, services that
#: publish, and connections that are just being refused.
FILES_BESIDE = 256


def run_hub(settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `announce` with the hub's URL once it answers there.

    Raises:
        SettingsError: the address cannot be listened on.
        Refused, Unusable: the hub did not start; why is said in it.
    """
    # The log's threads need the GIL beside a busy event loop; Python's usual switch interval of 5 ms would be most
    # of what a publish takes.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    handler = configure_logging(settings.log_level, json_lines=not sys.stderr.isatty())
    for sentence in find_unknown(os.environ):
        logger.warning("%s", sentence)
    _raise_file_limit(settings.max_connections)
    app = HubApp(settings, logs_failed_start=False)
    passed = inherit_socket(os.environ, settings)
    listener = listen(settings) if passed is None else passed
    url = address_of(settings.host, listener.getsockname()[1])
    process = _Process(app)

    def start() -> None:
        process.start()
        foreign.setLevel(level)
        logger.info("listening on %s", url)
        announce(url)

    server = HubServer(
        configure(app, settings),
        drain=app.drain,
        hands_over=passed is not None,
        on_start=start,
        watch=process.watch,
    )
    # This function says why it does not start; uvicorn would say it twice more.
    foreign = logging.getLogger("uvicorn.error")
    level = foreign.level
    foreign.setLevel(logging.CRITICAL)
    try:
        with _export_spans(handler) if settings.tracing else contextlib.nullcontext():
            uvloop.run(server.serve(sockets=[listener]))
    except SystemExit:
        # uvicorn's way to say that the lifespan did not start.
        kind = Unusable if isinstance(app.failure, SettingsError) else Refused
        raise kind(f"cannot start: {app.failure}") from None
    finally:
        handler.close()
    if process.is_broken:
        raise Unreachable("the hub failed and ended itself; its log says where")


def _export_spans(handler: logging.Handler) -> contextlib.AbstractContextManager[None]:
    # OpenTelemetry is installed only where it is wanted.
    from hub.cli.support.span_export import export_spans

    return export_spans(handler)


def _raise_file_limit(max_connections: int) -> None:
    # Many systems allow 1,024 unless a process asks for more; the hub's own bound must be met before theirs, for it
    # says 503 and theirs just resets.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_connections + FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    elif soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        soft = needed
    if soft < needed:
        logger.warning(
            "WS_MAX_CONNECTIONS=%d needs %d file descriptors and this process may have %d; beyond that, connections "
            "are reset (raise the limit: LimitNOFILE= in systemd, ulimit -n in a shell)",
            max_connections,
            needed,
            soft,
        )


class _Process:
    """What the process does for itself while it serves: its memory, and its own end where the hub is broken."""

    def __init__(self, app: HubApp) -> None:
        self._app = app
        self._heap: Heap
        self._departures = 0
        self.is_broken = False

    def start(self) -> None:
        """Begin with what exists now: it lives as long as the process."""
        settle_collector()
        self._heap = Heap()

    async def watch(self) -> None:
        """Give memory back that connections left; return once the hub is broken and must end.

        Publishes would be acknowledged and nobody be told; a supervisor starts a whole hub again.
        """
        async with asyncio.TaskGroup() as tasks:
            giving = tasks.create_task(self._give_back(), name="memory")
            await self._app.wait_broken()
            self.is_broken = True
            giving.cancel()

    async def _give_back(self) -> None:
        while True:
            await asyncio.sleep(GIVE_BACK_S)
            if (departures := self._app.count_departures()) != self._departures:
                self._departures = departures
                self._heap.give_back()
