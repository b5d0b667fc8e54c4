"""The examination behind `hub check`: each finding says what is well, what is doubtful, what would stop a hub."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import apsw
import msgspec

from hub.auth.key_server import FAILURES, KeyServer, say_failure
from hub.auth.key_set import read_key_set
from hub.auth.service_keys import read_service_keys
from hub.auth.tokens import make_verifier
from hub.cli.support.development import read_development_settings
from hub.directory import open_directory
from hub.errors import DirectoryUnavailable, SettingsError
from hub.log.sqlite.audit import check_all, compare_with_mark
from hub.log.sqlite.lock import LogLock
from hub.log.sqlite.mark import count_spoilt, mark_path, read_mark
from hub.log.sqlite.schema import (
    LOG_NAME,
    LogFile,
    check_engine,
    close_connection,
    is_outdated,
    open_reader,
    read_extent,
)
from hub.publish.registry import load_contract
from hub.settings import Settings, find_unknown, read_settings

__all__ = ["Finding", "State", "examine"]

State = Literal["ok", "warn", "fail"]

MIB = 2**20
#: Below the first the log may stop at any moment, below the second it is time to do something.
FREE_FAIL_BYTES, FREE_WARN_BYTES = 64 * MIB, 1024 * MIB
#: How long the key server may take.
KEYS_S = 3.0
#: What a file's time and the clock may differ by.
CLOCK_S = 2.0
#: 2026-01-01; a clock before it was never set, and every token would look as if it came from the future.
BUILT_S = 1_767_225_600


class Finding(msgspec.Struct, frozen=True):
    """One line of the examination."""

    name: str
    state: State
    detail: str


def examine(environ: Mapping[str, str], *, dev: bool, deep: bool = False) -> Iterator[Finding]:
    """Yield a finding for each thing a hub needs; where the settings cannot be used, nothing else can be looked at."""
    began_s, began_monotonic_s = time.time(), time.monotonic()
    try:
        settings = read_development_settings(environ)[1] if dev else read_settings(environ)
        keys = read_service_keys(settings)
        verifier = make_verifier(settings)
        asyncio.run(verifier.close())
        contract = load_contract(settings.contracts)
    except SettingsError as error:
        yield Finding("settings", "fail", error.detail)
        yield _look_at_versions()
        return
    services, types = len(keys.names), len(contract.types)
    words = f"{settings.jwt_algorithm} tokens, {services} service {'key' if services == 1 else 'keys'}, {types} types"
    yield Finding("settings", "ok", words)
    yield from (Finding("variables", "warn", sentence) for sentence in find_unknown(environ))
    yield _guarded("data folder", lambda: _look_at_folder(settings.data_dir))
    yield _guarded("disk", lambda: _look_at_disk(settings.data_dir))
    path = settings.data_dir / LOG_NAME
    yield _guarded("log", lambda: _look_at_log(path, refusing=settings.on_damage == "refuse"))
    if deep and path.exists():
        yield from _look_deep(path)
    yield _look_at_sqlite()
    if settings.jwks_url:
        yield asyncio.run(_look_at_keys(settings))
    yield asyncio.run(_look_at_directory(settings))
    yield _guarded("clock", lambda: _look_at_clock(settings.data_dir, began_s, began_monotonic_s))
    yield _look_at_versions()


def _guarded(name: str, look: Callable[[], tuple[State, str]]) -> Finding:
    try:
        return Finding(name, *look())
    except OSError as error:
        return Finding(name, "fail", f"{error.strerror or type(error).__name__}")


def _look_at_folder(folder: Path) -> tuple[State, str]:
    if not folder.exists():
        if os.access(_nearest(folder), os.W_OK | os.X_OK):
            return "ok", f"{folder} will be made"
        return "fail", f"{folder} is not there and cannot be made"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return "fail", f"{folder} cannot be written"
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"hub")
        os.fsync(file.fileno())
    mode = folder.stat()
    if mode.st_uid != os.geteuid():
        return "warn", f"{folder} belongs to another user than the one who asks"
    if stat.S_IMODE(mode.st_mode) & 0o077:
        return "warn", f"{folder} can be entered by other users (chmod 700)"
    return "ok", f"{folder} can be written"


def _look_at_disk(folder: Path) -> tuple[State, str]:
    usage = shutil.disk_usage(_nearest(folder))
    state: State = "fail" if usage.free < FREE_FAIL_BYTES else "warn" if usage.free < FREE_WARN_BYTES else "ok"
    return state, f"{usage.free / MIB:,.0f} MiB free of {usage.total / MIB:,.0f}"


def _look_at_log(path: Path, *, refusing: bool) -> tuple[State, str]:
    # The mark first: what is stored meanwhile is in the log by the time that one is looked at.
    mark = read_mark(path)
    if not path.exists():
        if mark is not None:
            return "fail", f"{path} is gone, and {mark.head} records with it"
        return "ok", "there is none yet; it will be made"
    held = False
    try:
        LogLock(path).release()
    except SettingsError:
        held = True
    try:
        connection = open_reader(LogFile(path))
        try:
            if is_outdated(connection):
                return "ok", "an earlier version wrote it; the next start brings it up to date"
            extent = read_extent(connection)
        finally:
            connection.close()
    except apsw.Error as error:
        return "fail", f"{path} cannot be read: {type(error).__name__}"
    if found := list(compare_with_mark(extent, mark, path)):
        stops = refusing or any(finding.loses_controls for finding in found)
        return "fail" if stops else "warn", "; ".join(finding.text for finding in found)
    size = f"{path.stat().st_size / MIB:,.1f} MiB"
    return "ok", f"positions {extent.first} to {extent.head}, {size}" + ("; a running hub holds it" if held else "")


def _look_deep(path: Path) -> Iterator[Finding]:
    """Read the whole log as it is at one moment; a line for each thing that is wrong."""
    found: list[str] = []
    mark = read_mark(path)
    if count_spoilt(path):
        found.append(f"one of the two places of {mark_path(path).name} is damaged")
    try:
        connection = open_reader(LogFile(path))
        try:
            if is_outdated(connection):
                yield Finding("whole log", "warn", "an earlier version wrote it, without checksums")
                return
            connection.execute("BEGIN")
            extent = read_extent(connection)
            found += (finding.text for finding in compare_with_mark(extent, mark, path))
            found += (finding.text for finding in check_all(connection, extent))
        finally:
            close_connection(connection)
    except (apsw.Error, msgspec.MsgspecError, UnicodeError) as error:
        found.append(f"it cannot be read: {type(error).__name__}")
    yield from (Finding("whole log", "fail", text) for text in found)
    if not found:
        unchecked = max(0, extent.unchecked - extent.first + 1)
        words = f"; {unchecked} of them are of an earlier version and have no checksum" if unchecked else ""
        yield Finding("whole log", "ok", f"{extent.head - extent.first + 1} records are as they were stored{words}")


def _look_at_sqlite() -> Finding:
    try:
        check_engine(apsw.sqlite_lib_version())
    except SettingsError as error:
        return Finding("SQLite", "fail", error.detail)
    return Finding("SQLite", "ok", apsw.sqlite_lib_version())


async def _look_at_keys(settings: Settings) -> Finding:
    server = KeyServer(settings.jwks_url, timeout_s=KEYS_S)
    try:
        async with asyncio.timeout(KEYS_S):
            answer = await server.fetch()
        keys = read_key_set(answer.document, settings.jwt_algorithm)
    except FAILURES as error:
        return Finding("keys", "fail", f"the key server (HUB_JWKS_URL) {say_failure(error)}")
    finally:
        await server.close()
    return Finding("keys", "ok", f"{len(keys)} at the key server fit {settings.jwt_algorithm}")


async def _look_at_directory(settings: Settings) -> Finding:
    if settings.directory_url.lower() == "off":
        return Finding("directory", "ok", "HUB_DIRECTORY_URL is not set, or off: what a token claims is trusted")
    before = set(threading.enumerate())
    try:
        directory = open_directory(settings, now=time.time)
        try:
            await directory.check()
        finally:
            await directory.close()
    except SettingsError as error:
        return Finding("directory", "fail", error.detail)
    except DirectoryUnavailable as error:
        return Finding("directory", "fail", error.cause)
    finally:
        # aiosqlite's thread reports to this loop once more after its connection failed; a closed loop takes nothing.
        for thread in set(threading.enumerate()) - before:
            await asyncio.to_thread(thread.join, settings.directory_timeout_s)
    return Finding("directory", "ok", "users and accounts can be looked up")


def _look_at_clock(folder: Path, began_s: float, began_monotonic_s: float) -> tuple[State, str]:
    now_s = time.time()
    if now_s < BUILT_S:
        return "fail", "the clock was never set: it shows a day before 2026"
    if abs((now_s - began_s) - (time.monotonic() - began_monotonic_s)) > CLOCK_S:
        return "warn", "the clock was set while this command ran"
    with tempfile.NamedTemporaryFile(dir=_nearest(folder)) as file:
        apart_s = os.fstat(file.fileno()).st_mtime - now_s
    if abs(apart_s) > CLOCK_S:
        return "warn", f"the data folder's file system is {apart_s:+.0f} s apart from it"
    newest_s = max((path.stat().st_mtime for path in folder.glob("log.sqlite3*")), default=now_s)
    if newest_s > now_s + CLOCK_S:
        return "warn", f"the log was written {newest_s - now_s:.0f} s in the future: the clock went back"
    return "ok", "agrees with the data folder's file system"


def _look_at_versions() -> Finding:
    """Compare uvicorn with the one the hub's protocols were written for: they lean on its inside."""
    pins = [re.fullmatch(r"uvicorn==([\w.]+)", line) for line in requires("notification-hub") or ()]
    wanted = next((pin[1] for pin in pins if pin), "")
    try:
        found = version("uvicorn")
    except PackageNotFoundError:
        found = "none"
    if found != wanted:
        return Finding("uvicorn", "fail", f"{found} is installed, and this hub needs exactly {wanted}")
    return Finding("uvicorn", "ok", found)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the closest one above it that exists."""
    folder = folder.absolute()
    return folder if folder.exists() else _nearest(folder.parent)
