"""`hub check`: what it finds where a hub runs, where one could, and where none could."""

from __future__ import annotations

import asyncio
import os
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import pytest

from hub.cli.support.checks import check_clock, check_disk, check_fan_out, check_versions, run_checks
from hub.finding import Finding
from hub.log.sqlite.schema import LOG_NAME
from tests.auth.issuer import run_issuer
from tests.auth.tokens import jwk, private_key
from tests.cli.process import DevHub, run

ENOUGH = {"JWT_SECRET": "Zx9-k2Lq7Vt4Wm1Rb8Ny5Hc3Jd6Pf0Gs", "HUB_SERVICE_KEYS": "dev:" + "ab" * 32}
NAMES = ["settings", "data folder", "disk", "log", "SQLite", "directory", "clock", "packages", "fan-out"]


def look(folder: Path, **settings: str) -> dict[str, Finding]:
    """Return what is found with these settings, by name."""
    found = run_checks(ENOUGH | {"HUB_DATA_DIR": str(folder)} | settings, dev=False)
    return {finding.name: finding for finding in found}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that is as it should be."""
    made = tmp_path / "hub-data"
    made.mkdir(mode=0o700)
    return made


class TestCommand:
    def test_running_hub(self, dev_hub: DevHub) -> None:
        """Beside a running hub all is well, and its log is said to be held."""
        done = run("check", "--dev", "--json", folder=dev_hub.folder)
        report = msgspec.json.decode(done.stdout)
        assert (0, True) == (done.returncode, report["ok"])
        assert dict.fromkeys(NAMES, "ok") == {line["name"]: line["state"] for line in report["checks"]}
        assert "a running hub holds it" in next(line["detail"] for line in report["checks"] if line["name"] == "log")

    def test_failing(self, tmp_path: Path) -> None:
        """What would stop a hub is a line that begins with `fail`, and exit code 1."""
        done = run("check", folder=tmp_path / "hub-data")
        assert 1 == done.returncode
        assert done.stdout.startswith("fail  settings    JWT_SECRET: is missing")

    def test_live(self, dev_hub: DevHub) -> None:
        """--live finds a hub by HUB_HOST and HUB_PORT without any other setting, and says no where there is none."""
        port = dev_hub.url.rpartition(":")[2]
        there = run("check", "--live", folder=dev_hub.folder, env={"HUB_HOST": "0.0.0.0", "HUB_PORT": port})
        assert (0, "", "") == (there.returncode, there.stdout, there.stderr)
        began_s = time.monotonic()
        gone = run("check", "--live", "--url", "http://127.0.0.1:9", folder=dev_hub.folder)
        words = "hub: http://127.0.0.1:9 does not respond: [Errno 111] Connection refused; does a hub run there?"
        assert (1, f"{words} HUB_URL or `--url` says where\n") == (gone.returncode, gone.stderr)
        assert 5 > time.monotonic() - began_s
        odd = run("check", "--live", folder=dev_hub.folder, env={"HUB_PORT": "http"})
        assert (2, "hub: HUB_PORT: is not a whole number (example: HUB_PORT=8000)\n") == (odd.returncode, odd.stderr)


class TestChecks:
    def test_webhooks(self, folder: Path) -> None:
        """Each webhook of the key file has its line, and each thing wrong with one, without the URL or the secret."""
        webhooks = [
            {"url": "https://hooks.test/s3cret", "secret": "whsec_" + "A" * 44},
            {"url": "http://hooks.test/s3cret", "secret": "s3cret", "events": ["notification.seen"]},
        ]
        entries = [
            {"name": f"shop{number}", "sha256": f"{number:064x}", "webhook": webhook}
            for number, webhook in enumerate(webhooks, 1)
        ]
        path = folder.parent / "keys.json"
        path.write_bytes(msgspec.json.encode({"keys": entries}))
        settings = {"HUB_DATA_DIR": str(folder), "HUB_SERVICE_KEYS": "", "HUB_SERVICE_KEYS_FILE": str(path)}
        found = [each for each in run_checks(ENOUGH | settings, dev=False) if each.name == "webhooks"]
        fine, *wrong = found
        assert ("ok", "shop1 is told of notification.unconfirmed") == (fine.state, fine.detail)
        assert [
            ("fail", f"HUB_SERVICE_KEYS_FILE: entry 2: `webhook.{field}`") for field in ("url", "events", "secret")
        ] == [(each.state, " ".join(each.detail.split(" ", 4)[:4])) for each in wrong]
        assert "s3cret" not in repr(found)

    async def test_key_server(self, folder: Path) -> None:
        """Where keys are fetched it is said how many fit, or why there are none."""
        settings = {"JWT_SECRET": "", "JWT_ALGORITHM": "ES256"}
        async with run_issuer() as issuer:
            issuer.publish(jwk(private_key("ES256"), "k1"), jwk(private_key("RS256"), "k2"))
            found = await asyncio.to_thread(look, folder, HUB_JWKS_URL=issuer.url, **settings)
            assert ("ok", "1 at the key server fit ES256") == (found["keys"].state, found["keys"].detail)
            issuer.respond(b"<html>")
            found = await asyncio.to_thread(look, folder, HUB_JWKS_URL=issuer.url, **settings)
            assert ("fail", True) == (found["keys"].state, "is an HTML page" in found["keys"].detail)
        found = await asyncio.to_thread(look, folder, HUB_JWKS_URL=issuer.url, **settings)
        assert ("fail", True) == (found["keys"].state, "refuses connections" in found["keys"].detail)

    def test_first_start(self, tmp_path: Path) -> None:
        """Where nothing was made yet, nothing is made, and nothing stands in the way."""
        found = look(tmp_path / "hub-data")
        assert NAMES == list(found)
        assert {"ok"} == {finding.state for finding in found.values()}
        assert not (tmp_path / "hub-data").exists()

    def test_secrets_are_not_shown(self, folder: Path) -> None:
        """No finding repeats a secret, a wrong one included."""
        found = look(folder, JWT_SECRET="hunter2")
        assert "fail" == found["settings"].state
        assert "hunter2" not in found["settings"].detail

    def test_open_folder(self, folder: Path) -> None:
        """A folder that others can enter is doubtful."""
        folder.chmod(0o755)
        assert "warn" == look(folder)["data folder"].state

    def test_file_in_the_way(self, tmp_path: Path) -> None:
        """A file where the folder belongs is a failure, not a traceback."""
        (tmp_path / "file").write_bytes(b"")
        found = look(tmp_path / "file")
        assert {"fail"} == {found[name].state for name in ("data folder", "clock")}

    @pytest.mark.parametrize(("least_bytes", "state"), [(2**60, "fail"), (0, "warn")])
    def test_disk(self, folder: Path, least_bytes: int, state: str) -> None:
        """A disk that is nearly full is doubtful first, then a failure."""
        assert state == check_disk(folder, fail_below_bytes=least_bytes, warn_below_bytes=2**60).state

    def test_foreign_log(self, folder: Path) -> None:
        """A file that is not a log is a failure."""
        (folder / LOG_NAME).write_bytes(b"not a database" * 1000)
        assert "fail" == look(folder)["log"].state

    def test_old_sqlite(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A SQLite that can corrupt the log is a failure."""
        monkeypatch.setattr("hub.log.sqlite.check.apsw.sqlite_lib_version", lambda: "3.40.1")
        assert "fail" == look(folder)["SQLite"].state

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("nothing", "HUB_DIRECTORY_URL: is neither"),
            ("sqlite+aiosqlite:////nowhere/x.sqlite3", "unable to open database file"),
            ("postgres://hub:hunter2@127.0.0.1:1/avadmin", "nothing listens at 127.0.0.1:1"),
            ("postgres://hub:hunter2@127.0.0.1:1/avadmin?sslmode=perhaps", "sslmode"),
        ],
    )
    def test_directory(self, folder: Path, url: str, words: str) -> None:
        """A directory that cannot be one, or cannot be asked, is a failure whose cause is told, without a password."""
        found = look(folder, HUB_DIRECTORY_URL=url)["directory"]
        assert ("fail", True, True) == (found.state, words in found.detail, "HUB_DIRECTORY_URL" in found.detail)
        assert "hunter2" not in found.detail

    def test_no_directory(self, folder: Path) -> None:
        """Without one the line says what is believed instead."""
        for settings in ({}, {"HUB_DIRECTORY_URL": "off"}, {"HUB_DIRECTORY_URL": "OFF"}):
            assert "what a token claims is trusted" in look(folder, **settings)["directory"].detail

    def test_log_from_the_future(self, folder: Path) -> None:
        """A log written later than now means that the clock went back."""
        log = folder / LOG_NAME
        log.write_bytes(b"")
        os.utime(log, (time.time() + 3600, time.time() + 3600))
        found = look(folder)["clock"]
        assert ("warn", True) == (found.state, "in the future" in found.detail)

    def test_clock_never_set(self, folder: Path) -> None:
        """A clock in 1970 is a failure: every token would be refused."""
        assert "fail" == check_clock(folder, expected_s=60.0, now_s=60.0).state

    def test_clock_set_meanwhile(self, folder: Path) -> None:
        """A clock that jumped while the command ran is doubtful."""
        now_s = time.time()
        found = check_clock(folder, expected_s=now_s - 3600, now_s=now_s)
        assert ("warn", True) == (found.state, "was set while" in found.detail)

    @pytest.mark.parametrize("package", ["uvicorn", "uvloop", "httptools", "websockets", "msgspec"])
    def test_other_version(self, package: str) -> None:
        """A package whose internals the hub uses, in a version that it was not written for, is a failure by name."""
        found = check_versions(installed=lambda name: "99.1" if name == package else version(name))
        assert ("fail", True) == (found.state, f"{package} 99.1 (this hub needs exactly " in found.detail)
        assert "pip install" in found.detail

    def test_missing_package(self) -> None:
        """One that is not there is a failure too, and no traceback."""

        def find(name: str) -> str:
            raise PackageNotFoundError(name)

        assert "uvicorn is not installed" in check_versions(installed=find).detail


@pytest.mark.parametrize(
    ("chosen", "is_installed", "state", "words"),
    [
        ("compiled", True, "ok", "compiled"),
        ("Python", False, "ok", "in Python"),
        ("Python", True, "warn", "another hub's version"),
    ],
)
def test_which_fan_out_runs(chosen: str, is_installed: bool, state: str, words: str) -> None:
    """It is said which of the two runs, and that a compiled one of another version does not."""
    found = check_fan_out(chosen=chosen, is_installed=is_installed)
    assert state == found.state
    assert words in found.detail
