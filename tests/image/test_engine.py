"""`deploy/compose/cluster.yaml` for real: its hubs and NATS servers in containers of podman, checked from outside."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.local import find_nats_server
from tests.deploy.test_files import DEPLOY, ROOT
from tests.image.__main__ import Builder, build_image, make_local_base

SECONDS = 60
DEADLINE_S = 1_800.0


@pytest.mark.soak
def test_the_files_of_compose_run_a_cluster(tmp_path: Path, figures: list[str]) -> None:
    """As root: three servers with TLS and passwords, the stream, three hubs, read-only and without capabilities; the
    checker finds nothing lost, repeated or out of order in a minute."""
    builder = Builder(tmp_path)
    try:
        build_image(builder, make_local_base(builder, tmp_path), extras="cluster")
        context = tmp_path / "nats"
        context.mkdir()
        shutil.copy(find_nats_server(), context / "nats-server")
        (context / "Containerfile").write_text(
            'FROM scratch\nCOPY nats-server /nats-server\nENTRYPOINT ["/nats-server"]\n'
        )
        builder.run("build", "--isolation", "chroot", "--quiet", "--tag", "localhost/nats:latest", context)
        shutil.copytree(DEPLOY, tmp_path / "deploy")
        done = subprocess.run(
            [
                *("unshare", "--mount", "--net", "--propagation", "private"),
                *(sys.executable, "-m", "tests.image.engine", str(tmp_path), str(SECONDS)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert 0 == done.returncode, done.stderr
        figures.append(f"cluster of deploy/compose in podman: {done.stdout.strip()}")
    finally:
        builder.run("rm", "--all")
        builder.run("rmi", "--all", "--force")
