"""`hub serve`: how it starts, what `--dev` makes and prints, and how it ends."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from hub.log.sqlite.schema import LOG_NAME
from tests.cli.process import DEADLINE_S, DevHub, Running, environment, run

KEYS = "dev:" + "ab" * 32
SECRET = "Zx9-k2Lq7Vt4Wm1Rb8Ny5Hc3Jd6Pf0Gs"


def publish_as_printed(hub: DevHub) -> httpx.Response:
    """Send what the printed curl sends, read as a shell reads it."""
    text = "\n".join(hub.out)
    start = text.index("curl -X POST")
    words = shlex.split(text[start : text.index("\n\n", start)])
    headers = dict(word.split(": ", 1) for word, flag in zip(words[1:], words, strict=False) if flag == "-H")
    return httpx.post(words[3], headers=headers, content=words[words.index("-d") + 1])


class TestDevelopment:
    def test_pasted_lines_work(self, dev_hub: DevHub) -> None:
        """The curl that is printed publishes, and the one before it would listen: nothing is left to fill in."""
        assert 202 == publish_as_printed(dev_hub).status_code
        listen = shlex.split(next(line for line in dev_hub.out if "curl -N" in line))
        name, _, value = listen[listen.index("-H") + 1].partition(": ")
        with httpx.stream("GET", listen[2], headers={name: value}) as stream:
            assert "text/event-stream; charset=utf-8" == stream.headers["content-type"]

    def test_page_is_served(self, dev_hub: DevHub) -> None:
        """The address of the page that is printed answers with it."""
        page = next(line for line in dev_hub.out if line.startswith("The API")).split()[-1]
        assert 200 == httpx.get(page).status_code

    def test_a_library_that_sends_the_hubs_own_address_as_origin_may_connect(self, tmp_path: Path) -> None:
        """Python's `websocket-client` and React Native do so by default; the hub listens where it was told to."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with DevHub(tmp_path / "hub-data", env={"HUB_PORT": str(port)}) as hub:
            address = next(line for line in hub.out if line.strip().startswith("ws://")).strip()
            with connect(address, origin=Origin(f"http://127.0.0.1:{port}"), proxy=None) as socket_of_the_library:
                assert "connection_established" in str(socket_of_the_library.recv(DEADLINE_S))

    def test_files_are_the_owners_alone(self, dev_hub: DevHub) -> None:
        """Nobody else reads the secrets, the demo people or the log."""
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in dev_hub.folder.iterdir()}
        assert 0o700 == stat.S_IMODE(dev_hub.folder.stat().st_mode)
        assert {"dev.json", "dev-keys.json", "dev-hub.json", "demo-directory.sqlite3", LOG_NAME} <= modes.keys()
        assert {0o600} == set(modes.values())

    def test_log_tells_no_secret(self, dev_hub: DevHub) -> None:
        """No token that was used stands in the log."""
        assert not [line for line in dev_hub.err if "eyJ" in line or "hubk_" in line]

    def test_second_start_keeps_what_was_made(self, tmp_path: Path) -> None:
        """Secret and key are made once: tokens and pasted lines of yesterday work today; SIGINT ends it with 0."""
        folder = tmp_path / "hub-data"
        with DevHub(folder) as hub:
            assert 0 == hub.stop(signal.SIGINT)
        made = (folder / "dev.json").read_bytes()
        with DevHub(folder) as hub:
            assert 0 == hub.stop()
        assert made == (folder / "dev.json").read_bytes()

    @pytest.mark.parametrize("modules", ["tests.contracts.company", "quoted_types"])
    def test_a_company_s_own_types_are_what_is_printed(self, tmp_path: Path, modules: str) -> None:
        """The curl of a hub with other types publishes one of those, whatever its example holds."""
        (tmp_path / "quoted_types.py").write_text(
            "from contracts.notification import Notification\n"
            "class Opened(Notification, tag='opened'):\n"
            "    example = {'title': \"It's \\\\ $HOME\", 'message': '`id` \"quoted\"', 'data': {'a': \"'\"}}\n"
            "    data: dict[str, str]\n",
            encoding="utf-8",
        )
        env = {"HUB_CONTRACTS": modules, "PYTHONPATH": f"{Path.cwd()}:{tmp_path}"}
        with DevHub(tmp_path / "hub-data", env=env) as hub:
            response = publish_as_printed(hub)
            assert (202, False) == (response.status_code, "warnings" in response.json())
            assert 0 == hub.stop()

    def test_environment_wins(self, tmp_path: Path) -> None:
        """A secret, keys and a directory that are set are the ones used; nothing of another kind is printed."""
        folder = tmp_path / "hub-data"
        keys = tmp_path / "keys.json"
        keys.write_text('{"keys": [{"name": "other", "sha256": "' + "9f" * 32 + '"}]}')
        env = {"JWT_SECRET": f"dev-{SECRET}", "HUB_SERVICE_KEYS_FILE": str(keys), "HUB_DIRECTORY_URL": "off"}
        with DevHub(folder, env=env) as hub:
            made = msgspec.json.decode((folder / "dev.json").read_bytes())
            assert not (folder / "demo-directory.sqlite3").exists()
            assert [] == [line for line in hub.out if made["service_key"] in line]
            refused = httpx.get(
                f"{hub.url}/api/internal/ws-stats", headers={"authorization": f"Bearer {made['service_key']}"}
            )
            assert 401 == refused.status_code
            assert 0 == hub.stop()

    def test_damaged_file(self, tmp_path: Path) -> None:
        """A file of --dev that cannot be used is named, with what to do about it."""
        folder = tmp_path / "hub-data"
        folder.mkdir(mode=0o700)
        (folder / "dev.json").write_text("{")
        done = run("serve", "--dev", folder=folder)
        assert 2 == done.returncode
        problem = "cannot be used; remove it and start `hub serve --dev` again"
        assert f"hub: {folder / 'dev.json'} {problem}\n" == done.stderr


class TestStart:
    def test_missing_secret(self, tmp_path: Path) -> None:
        """What is missing is said in one line with an example, and the exit code is 2."""
        done = run("serve", folder=tmp_path / "hub-data", env={"HUB_SERVICE_KEYS": KEYS})
        assert (2, "") == (done.returncode, done.stdout)
        assert done.stderr.startswith("hub: JWT_SECRET: is missing (")
        assert 1 == done.stderr.count("\n")

    def test_port_taken(self, tmp_path: Path) -> None:
        """A port that is taken is a plain sentence and exit code 2."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            env = {"HUB_SERVICE_KEYS": KEYS, "JWT_SECRET": SECRET}
            done = run("serve", "--port", port, folder=tmp_path / "hub-data", env=env)
        assert 2 == done.returncode
        assert (
            f"hub: HUB_HOST, HUB_PORT: cannot listen on 127.0.0.1:{port}: Address already in use (another program "
            "listens there: stop it, or choose another port with HUB_PORT or `--port`)\n"
        ) == done.stderr

    @pytest.mark.parametrize("host", ["192.0.2.7", "nowhere.invalid"])
    def test_an_address_of_another_machine(self, tmp_path: Path, host: str) -> None:
        """An address that is not this machine's, or a name that is none, is said with what HUB_HOST takes."""
        env = {"HUB_SERVICE_KEYS": KEYS, "JWT_SECRET": SECRET}
        done = run("serve", "--host", host, folder=tmp_path / "hub-data", env=env)
        assert 2 == done.returncode
        assert re.fullmatch(
            rf"hub: HUB_HOST, HUB_PORT: cannot listen on {host}:8000: .+ \(HUB_HOST is an address of this machine, "
            r"such as 127\.0\.0\.1 or 0\.0\.0\.0\)\n",
            done.stderr,
        )

    def test_a_port_that_is_no_number(self, tmp_path: Path) -> None:
        """Both ways to name a port say what is wrong with it, in one line."""
        env = {"HUB_SERVICE_KEYS": KEYS, "JWT_SECRET": SECRET, "HUB_PORT": "http"}
        done = run("serve", folder=tmp_path / "hub-data", env=env)
        line = "hub: HUB_PORT: is not a whole number (unit: port; example: HUB_PORT=8000)\n"
        assert (2, line) == (done.returncode, done.stderr)
        done = run("serve", "--port", "http", folder=tmp_path / "hub-data")
        assert 2 == done.returncode
        words = (
            "hub: Invalid value for '--port': 'http' is not a port (a whole number up to 65535; HUB_PORT is the same)"
        )
        assert done.stderr == f"{words} (`hub serve --help` says more)\n"

    def test_everything_that_is_missing_is_said_at_once(self, tmp_path: Path) -> None:
        """All variables that are wrong are named at once."""
        done = run("serve", folder=tmp_path / "hub-data", env={"HUB_PORT": "99999", "HUB_LOG_LEVEL": "loud"})
        assert (2, 1) == (done.returncode, done.stderr.count("\n"))
        for words in ("HUB_PORT: is not at most 65535", "JWT_SECRET: is missing", "HUB_SERVICE_KEYS: is missing"):
            assert words in done.stderr
        assert "HUB_LOG_LEVEL: is not one of debug, info, warning, error" in done.stderr

    def test_a_variable_that_is_no_setting_is_said(self, tmp_path: Path) -> None:
        """A misspelt one does not pass in silence; the start goes on, for others may share the environment."""
        env = {
            "HUB_SERVICE_KEYS": KEYS,
            "JWT_SECRET": SECRET,
            "HUB_PORT": "0",
            "HUB_ALOWED_ORIGINS": "https://a.example",
        }
        with Running("serve", folder=tmp_path / "hub-data", env=env) as hub:
            line = msgspec.json.decode(hub.wait_for("is not a setting")[0])
            words = "HUB_ALOWED_ORIGINS is not a setting of the hub; did you mean HUB_ALLOWED_ORIGINS?"
            assert ("warning", words) == (line["level"], line["message"])
            hub.wait_for("listening on")
            assert 0 == hub.stop()

    @pytest.mark.parametrize("variable", ["JWT_SECRET", "JWT_SECRET_PREVIOUS"])
    def test_development_takes_no_secret_of_production(self, tmp_path: Path, variable: str) -> None:
        """`--dev` prints tokens; with a real secret in the environment these would be good for production."""
        done = run("serve", "--dev", "--port", "0", folder=tmp_path / "hub-data", env={variable: SECRET})
        assert (2, "") == (done.returncode, done.stdout)
        assert done.stderr.startswith(f"hub: {variable}: is set, and `--dev` prints tokens that are signed with it")
        assert SECRET not in done.stderr
        assert not (tmp_path / "hub-data").exists()

    def test_log_of_another_process(self, dev_hub: DevHub) -> None:
        """A data folder in use is one plain sentence, without a traceback."""
        done = run("serve", "--dev", "--port", "0", folder=dev_hub.folder)
        assert (2, 1) == (done.returncode, done.stderr.count("\n"))
        assert done.stderr.startswith("hub: cannot start: HUB_DATA_DIR: another process has ")

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            ("HUB_CONTRACTS", "nope", "the module `nope` cannot be imported"),
            ("HUB_CONTRACTS", "json", "holds no notification type"),
            ("HUB_CONTRACTS", ",", "names no module"),
            ("HUB_DIRECTORY_URL", "postgress://h/d", "is neither postgresql://"),
            ("HUB_SERVICE_KEYS", "stocktech", "entry 1 has no sha256"),
            ("HUB_SERVICE_KEYS_FILE", "/nowhere/keys.json", "cannot be read (No such file or directory)"),
            ("HUB_DATA_DIR", "/dev/null", "a file stands where its folder would be"),
            ("HUB_DATA_DIR", "/proc/hub/data", "give a folder that the hub's user may write"),
        ],
    )
    def test_what_comes_up_while_starting_is_one_line(
        self, tmp_path: Path, variable: str, value: str, words: str
    ) -> None:
        """A setting that only its use shows to be wrong is told once, with its variable, as one that a look shows."""
        env = {"HUB_SERVICE_KEYS": KEYS, "JWT_SECRET": SECRET, "HUB_DATA_DIR": str(tmp_path / "hub-data")}
        done = run("serve", "--port", "0", folder=tmp_path, env=env | {variable: value})
        assert (2, 1, "") == (done.returncode, done.stderr.count("\n"), done.stdout)
        assert done.stderr.startswith(f"hub: cannot start: {variable}: ")
        assert words in done.stderr

    def test_port_out_of_range(self, tmp_path: Path) -> None:
        """A port that is none is the command line's fault."""
        assert 2 == run("serve", "--port", "70000", folder=tmp_path / "hub-data").returncode

    def test_a_stderr_that_nobody_reads_does_not_outlast_sigterm(self, tmp_path: Path) -> None:
        """With its pipe full, the hub still ends in the drain's time: who stopped reading can restart it."""
        env = environment(tmp_path / "hub-data", {"HUB_SERVICE_KEYS": KEYS, "JWT_SECRET": SECRET, "HUB_DRAIN": "1"})
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "hub", "serve", "--port", "0"]
        hub = subprocess.Popen(command, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=writing)
        try:
            with os.fdopen(os.dup(reading)) as lines:
                assert any("listening on" in line for line in lines)
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writing, b"." * 65_536)
            os.set_blocking(writing, True)
            hub.send_signal(signal.SIGTERM)
            assert 0 == hub.wait(DEADLINE_S)
        finally:
            hub.kill()
            hub.wait()
            os.close(reading)
            os.close(writing)

    def test_log_line_says_where(self, tmp_path: Path) -> None:
        """Without --dev the log says where the hub listens, as JSON when nobody watches; SIGTERM ends it with 0."""
        env = {"HUB_SERVICE_KEYS": KEYS, "JWT_SECRET": SECRET, "HUB_PORT": "0", "HUB_DRAIN": "1"}
        with Running("serve", folder=tmp_path / "hub-data", env=env) as hub:
            line = msgspec.json.decode(hub.wait_for("listening on")[0])
            assert ("info", "hub.serve") == (line["level"], line["logger"])
            assert 200 == httpx.get(line["message"].split()[-1] + "/health/live").status_code
            assert 0 == hub.stop()
            assert [] == hub.out
