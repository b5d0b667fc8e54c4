"""`hub serve`: how it starts, what `--dev` makes and prints, and how it ends."""

from __future__ import annotations

import shlex
import signal
import socket
import stat
from pathlib import Path

import httpx
import msgspec

from tests.cli.process import DevHub, Running, run

KEYS = "dev:" + "ab" * 32
SECRET = "Zx9-k2Lq7Vt4Wm1Rb8Ny5Hc3Jd6Pf0Gs"


class TestDevelopment:
    def test_pasted_lines_work(self, dev_hub: DevHub) -> None:
        """The curl that is printed publishes, and the one before it would listen: nothing is left to fill in."""
        text = "\n".join(dev_hub.out)
        start = text.index("curl -X POST")
        words = shlex.split(text[start : text.index("\n\n", start)])
        headers = dict(word.split(": ", 1) for word, flag in zip(words[1:], words, strict=False) if flag == "-H")
        response = httpx.post(words[3], headers=headers, content=words[words.index("-d") + 1])
        assert 202 == response.status_code
        listen = shlex.split(next(line for line in dev_hub.out if "curl -N" in line))
        name, _, value = listen[listen.index("-H") + 1].partition(": ")
        with httpx.stream("GET", listen[2], headers={name: value}) as stream:
            assert "text/event-stream; charset=utf-8" == stream.headers["content-type"]

    def test_page_is_served(self, dev_hub: DevHub) -> None:
        """The address of the page that is printed answers with it."""
        page = next(line for line in dev_hub.out if line.startswith("The API")).split()[-1]
        assert 200 == httpx.get(page).status_code

    def test_files_are_the_owners_alone(self, dev_hub: DevHub) -> None:
        """Nobody else reads the secrets, the demo people or the log."""
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in dev_hub.folder.iterdir()}
        assert 0o700 == stat.S_IMODE(dev_hub.folder.stat().st_mode)
        assert {"dev.json", "dev-keys.json", "dev-hub.json", "demo-directory.sqlite3", "log.sqlite3"} <= modes.keys()
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

    def test_environment_wins(self, tmp_path: Path) -> None:
        """A secret, keys and a directory that are set are the ones used; nothing of another kind is printed."""
        folder = tmp_path / "hub-data"
        keys = tmp_path / "keys.json"
        keys.write_text('{"keys": []}')
        env = {"JWT_SECRET": SECRET, "HUB_SERVICE_KEYS_FILE": str(keys), "HUB_DIRECTORY_URL": "off"}
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
        assert f"hub: HUB_HOST, HUB_PORT: cannot listen on 127.0.0.1:{port}: Address already in use\n" == done.stderr

    def test_log_of_another_process(self, dev_hub: DevHub) -> None:
        """A data folder in use is a plain sentence at the end, without a traceback."""
        done = run("serve", "--dev", "--port", "0", folder=dev_hub.folder)
        assert 2 == done.returncode
        assert done.stderr.splitlines()[-1].startswith("hub: cannot start: HUB_DATA_DIR: another process has ")
        assert "Traceback" not in done.stderr

    def test_port_out_of_range(self, tmp_path: Path) -> None:
        """A port that is none is the command line's fault."""
        assert 2 == run("serve", "--port", "70000", folder=tmp_path / "hub-data").returncode

    def test_log_line_says_where(self, tmp_path: Path) -> None:
        """Without --dev the log says where the hub listens, as JSON when nobody watches; SIGTERM ends it with 0."""
        env = {"HUB_SERVICE_KEYS": KEYS, "JWT_SECRET": SECRET, "HUB_PORT": "0", "HUB_DRAIN": "1"}
        with Running("serve", folder=tmp_path / "hub-data", env=env) as hub:
            line = msgspec.json.decode(hub.wait_for("listening on")[0])
            assert ("info", "hub.serve") == (line["level"], line["logger"])
            assert 200 == httpx.get(line["message"].split()[-1] + "/health/live").status_code
            assert 0 == hub.stop()
            assert [] == hub.out
