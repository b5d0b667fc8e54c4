"""The Compose files as Compose itself reads them, and the directory's script in a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has none
import pytest

from hub.settings import read_settings
from tests.deploy.test_files import DEPLOY
from tests.deploy.tools import find_compose_reader, run
from tests.harness import run_hub
from tests.postgres import Postgres
from tests.postgres import postgres as postgres

COMPOSE = DEPLOY / "compose"
PROFILES = ("backup", "directory", "monitoring", "tracing")
PASSWORD = "a 'password'"


@pytest.fixture
async def directory_url(postgres: Postgres) -> AsyncIterator[str]:
    """A database that psql filled as PostgreSQL's image fills it; yield the URL of the hub's role."""
    name = "compose_directory"
    admin = await asyncpg.connect(host="127.0.0.1", port=postgres.port, user="hub", database="postgres")
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        psql = shutil.which("psql")
        assert psql is not None, "psql is not installed: sudo apt-get install postgresql"
        address = ("--host=127.0.0.1", f"--port={postgres.port}", "--username=hub", f"--dbname={name}")
        command = (psql, "--no-psqlrc", "--set=ON_ERROR_STOP=1", *address, f"--file={COMPOSE}/directory.sql")
        done = subprocess.run(
            command, env=os.environ | {"POSTGRES_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60
        )
        assert (0, "") == (done.returncode, done.stderr)
        yield f"postgresql://hub_reader@127.0.0.1:{postgres.port}/{name}"
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.execute("DROP ROLE IF EXISTS hub_reader")
        await admin.close()


async def test_the_hub_reads_the_directory_of_the_profile(directory_url: str, tmp_path: Path) -> None:
    """A user of the script connects, an unknown one does not, and the role can write nothing."""
    async with run_hub(tmp_path, directory_url=directory_url) as hub:
        async with hub.websocket(hub.token("00000000001", "00000000000101", role="buyer")) as websocket:
            assert 202 == (await hub.publish(user_id="00000000001")).status_code
            assert "stock_alert" == (await websocket.frame())["type"]
        answer = await hub.http.get("/poll", params={"token": hub.token("00000000009", "00000000000101")})
        assert answer.status_code in {401, 403}
    reader = await asyncpg.connect(directory_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute("DELETE FROM users")
    await reader.close()


def read_project(folder: Path, *profiles: str, **environ: str) -> dict[str, Any]:
    """Return the project as `docker compose config` shows it, with a hub.env that is filled in."""
    shutil.copytree(DEPLOY, folder / "deploy")
    here = folder / "deploy/compose"
    settings = (here / "hub.env.example").read_text().replace("JWT_SECRET=", f"JWT_SECRET={'ab' * 32}")
    settings = settings.replace("HUB_SERVICE_KEYS=", f"HUB_SERVICE_KEYS=shop:{'0' * 64}")
    (here / "hub.env").write_text(settings)
    text = run(find_compose_reader(), "compose.yaml", *profiles, folder=here, environ=environ)
    project: dict[str, Any] = json.loads(text)
    return project


@pytest.mark.soak
class TestRead:
    """By the library of `docker compose`, which Go builds."""

    def test_without_a_profile_it_is_the_hub_alone(self, tmp_path: Path) -> None:
        """`docker compose up` starts one service, with settings that the hub takes."""
        project = read_project(tmp_path)
        assert {"hub"} == set(project["services"])
        hub = project["services"]["hub"]
        assert "9464" == hub["environment"]["HUB_METRICS_PORT"]
        assert read_settings(hub["environment"]).jwt_secret

    def test_every_profile_is_read(self, tmp_path: Path) -> None:
        """With all of them each service has its image, and what it mounts from here is there."""
        project = read_project(tmp_path, *PROFILES, POSTGRES_PASSWORD=PASSWORD)
        assert {"hub", "backup", "directory", "prometheus", "grafana", "jaeger"} == set(project["services"])
        for name, service in project["services"].items():
            assert ":" in service["image"], name
            for mount in service.get("volumes", ()):
                if mount["type"] == "bind" and Path(mount["source"]).name != "backup":
                    assert Path(mount["source"]).exists(), mount
                elif mount["type"] == "volume":
                    assert mount["source"] in project["volumes"]
        assert PASSWORD == project["services"]["directory"]["environment"]["POSTGRES_PASSWORD"]

    def test_a_wrong_field_would_be_noticed(self, tmp_path: Path) -> None:
        """Compose's schema refuses a field that it does not know."""
        path = tmp_path / "compose.yaml"
        path.write_text("name: x\nservices: {hub: {image: a, restarts: always}}\n")
        with pytest.raises(AssertionError, match="restarts"):
            run(find_compose_reader(), "compose.yaml", folder=tmp_path)
