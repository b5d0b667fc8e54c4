"""The checks behind `hub check`: each finding says what is well, what is doubtful, what would stop a hub."""

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

from hub.auth.key_server import FAILURES, KeyServer, describe_failure
from hub.auth.key_set import read_key_set
from hub.auth.service_keys import read_service_keys
from hub.auth.tokens import make_verifier
from hub.cli.support.development import data_folder, read_development_settings
from hub.directory import open_directory
from hub.edge import batch_send
from hub.errors import DirectoryUnavailable, SettingsError
from hub.finding import Finding, State, find_safely
from hub.log.administration import check_stream
from hub.log.engine import check_log, find_newest_write
from hub.publish.registry import load_type_registry
from hub.push.vapid import read_key as read_push_key
from hub.settings import Settings, find_unknown, read_settings
from hub.webhooks.endpoint import check_endpoints

__all__ = ["check_clock", "check_disk", "check_fan_out", "check_folder", "check_versions", "run_checks"]

MIB = 2**20
#: Below the first the log may stop at any moment, below the second it is time to do something.
FREE_FAIL_BYTES, FREE_WARN_BYTES = 64 * MIB, 1024 * MIB
#: How long the key server may take.
KEYS_S = 3.0
#: What a file's time and the clock may differ by.
CLOCK_S = 2.0
#: 2026-01-01; a clock before it was never set, and every token would look as if it came from the future.
BUILT_S = 1_767_225_600


def run_checks(environ: Mapping[str, str], *, dev: bool, deep: bool = False) -> Iterator[Finding]:
    """Yield a finding for each thing a hub needs; where the settings cannot be used, of the data folder alone.

    The log must be readable for its owner in a shell that has no secrets, such as beside systemd's environment file.
    """
    began_s, began_monotonic_s = time.time(), time.monotonic()
    try:
        settings = read_development_settings(environ)[1] if dev else read_settings(environ)
        keys = read_service_keys(settings)
        verifier = make_verifier(settings)
        asyncio.run(verifier.close())
        registry = load_type_registry(settings.contracts)
        if settings.push_key_file is not None:
            read_push_key(settings.push_key_file)
    except SettingsError as error:
        yield Finding("settings", "fail", error.detail)
        yield from _check_data(Settings(data_dir=data_folder(environ)), deep=deep)
        yield check_versions()
        yield check_fan_out()
        return
    services, types = len(keys.names), len(registry.types)
    words = f"{settings.jwt_algorithm} tokens, {services} service {'key' if services == 1 else 'keys'}, "
    words += f"{types} types ({', '.join(settings.contracts)})"
    yield Finding("settings", "ok", words)
    yield from check_endpoints(keys)
    yield from (Finding("variables", "warn", sentence) for sentence in find_unknown(environ))
    yield from _check_data(settings, deep=deep)
    if settings.log_url:
        yield asyncio.run(check_stream(settings))
    if settings.jwks_url:
        yield asyncio.run(_check_keys(settings))
    yield asyncio.run(_check_directory(settings))
    passed_s = time.monotonic() - began_monotonic_s
    yield check_clock(settings.data_dir, expected_s=began_s + passed_s, now_s=time.time())
    yield check_versions()
    yield check_fan_out()


def check_folder(folder: Path) -> Finding:
    """Return whether the data folder can be made or written, and is the hub's alone."""
    return find_safely("data folder", lambda: _look_at_folder(folder))


def check_disk(
    folder: Path, *, fail_below_bytes: int = FREE_FAIL_BYTES, warn_below_bytes: int = FREE_WARN_BYTES
) -> Finding:
    """Return how much of the data folder's disk is free."""

    def look() -> tuple[State, str]:
        usage = shutil.disk_usage(_nearest(folder))
        state: State = "fail" if usage.free < fail_below_bytes else "warn" if usage.free < warn_below_bytes else "ok"
        return state, f"{usage.free / MIB:,.0f} MiB free of {usage.total / MIB:,.0f}"

    return find_safely("disk", look)


def check_clock(folder: Path, *, expected_s: float, now_s: float) -> Finding:
    """Return whether the clock, which says `now_s`, agrees with the data folder and with itself.

    `expected_s` is what it must say: an earlier look at it, and how much time has passed since. Both are Unix time.
    """
    return find_safely("clock", lambda: _look_at_clock(folder, expected_s, now_s))


def check_versions(*, installed: Callable[[str], str] = version) -> Finding:
    """Compare the packages that the hub has exact versions of with what is installed: it depends on their internals."""
    pins = [re.fullmatch(r"([\w-]+)==([\w.]+)", line) for line in requires("notification-hub") or ()]
    wanted = {pin[1]: pin[2] for pin in pins if pin and not pin[1].startswith("notification-hub")}
    found = {name: _find_version(name, installed) for name in wanted}
    other = [
        f"{name} {found[name]} (this hub needs exactly {pin})" for name, pin in wanted.items() if found[name] != pin
    ]
    if other or not wanted:
        cure = "install the hub again with its own requirements: pip install --force-reinstall notification-hub"
        return Finding("packages", "fail", f"{', '.join(other) or 'nothing is known of them'}; {cure}")
    return Finding("packages", "ok", ", ".join(f"{name} {number}" for name, number in found.items()))


def _check_data(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    yield check_folder(settings.data_dir)
    yield check_disk(settings.data_dir)
    yield from check_log(settings, deep=deep)


def check_fan_out(
    *, chosen: str = batch_send.chosen.name, is_installed: bool = batch_send.IS_NATIVE_INSTALLED
) -> Finding:
    """Return which of the two fan-outs runs; they differ in their cost alone."""
    if chosen == "compiled":
        return Finding("fan-out", "ok", "compiled")
    if is_installed:
        cure = "install notification-hub-native of this hub's version"
        return Finding("fan-out", "warn", f"in Python, since the compiled one is of another hub's version; {cure}")
    return Finding("fan-out", "ok", "in Python; notification-hub-native is not installed")


def _find_version(name: str, installed: Callable[[str], str]) -> str:
    try:
        return installed(name)
    except PackageNotFoundError:
        return "is not installed"


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
        return "warn", f"{folder} belongs to another user than the one that runs this command"
    if stat.S_IMODE(mode.st_mode) & 0o077:
        return "warn", f"{folder} can be entered by other users (chmod 700)"
    return "ok", f"{folder} can be written"


def _look_at_clock(folder: Path, expected_s: float, now_s: float) -> tuple[State, str]:
    if now_s < BUILT_S:
        return "fail", "the clock was never set: it shows a day before 2026"
    if abs(now_s - expected_s) > CLOCK_S:
        return "warn", "the clock was set while this command ran"
    with tempfile.NamedTemporaryFile(dir=_nearest(folder)) as file:
        apart_s = os.fstat(file.fileno()).st_mtime - now_s
    if abs(apart_s) > CLOCK_S:
        return "warn", f"the data folder's file system is {apart_s:+.0f} s apart from it"
    newest_s = find_newest_write(folder)
    if newest_s is not None and newest_s > now_s + CLOCK_S:
        return "warn", f"the log was written {newest_s - now_s:.0f} s in the future: the clock went back"
    return "ok", "agrees with the data folder's file system"


async def _check_keys(settings: Settings) -> Finding:
    server = KeyServer(settings.jwks_url, timeout_s=KEYS_S)
    try:
        async with asyncio.timeout(KEYS_S):
            answer = await server.fetch()
        keys = read_key_set(answer.document, settings.jwt_algorithm)
    except FAILURES as error:
        return Finding("keys", "fail", f"the key server (HUB_JWKS_URL) {describe_failure(error)}")
    finally:
        await server.close()
    return Finding("keys", "ok", f"{len(keys)} at the key server fit {settings.jwt_algorithm}")


async def _check_directory(settings: Settings) -> Finding:
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


def _nearest(folder: Path) -> Path:
    """Return the folder, or the closest one above it that exists."""
    folder = folder.absolute()
    return folder if folder.exists() else _nearest(folder.parent)
