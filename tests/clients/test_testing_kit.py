"""The test kit for pytest in a stranger's project: the guide's example, as it is, in an environment made of wheels."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from notification_hub_testing import DEMO_USERS, LocalHub, PublishRefused
from tests.packages import NODE_MODULES, ROOT, build_hub_wheel, build_testing_wheel, make_environment, run

GUIDE = (ROOT / "docs/guides/testing.md").read_text(encoding="utf-8")
#: The guide's files: a name on a line of its own, and the block below it.
FILES = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the kit and the hub from their wheels."""
    return make_environment(tmp_path_factory.mktemp("kit") / "venv", build_hub_wheel(), build_testing_wheel())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the guide's example project and nothing else."""
    for name in ("shop.py", "test_shop.py"):
        (tmp_path / name).write_text(FILES[name])
    # The plugins of this repository's environment, which lends its packages, are not the project's.
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:asyncio -p no:hypothesispytest\n")
    return tmp_path


def test_the_example_passes_in_a_project_of_its_own(python: Path, project: Path) -> None:
    """The fixtures are found in the packages as they are installed; a test that waits in vain says what came."""
    (project / "test_vain.py").write_text(
        "def test_vain(publish, listen):\n"
        "    seller = listen()\n"
        "    publish('order_created')\n"
        "    seller.next()\n"
        "    seller.next(timeout_s=0.1)\n"
    )
    done = run(python, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=project)
    assert (1, "") == (done.returncode, done.stderr), done.stdout
    assert "1 failed, 4 passed" in done.stdout
    assert "no notification came within 0.1 s; before it came order_created" in done.stdout
    # The hub's own log lines are beside it.
    assert "HUB_DIRECTORY_URL" in done.stdout


def test_the_snippets_for_vitest_and_playwright_compile(tmp_path: Path) -> None:
    """Each block of TypeScript passes the strict compiler against the packed package's types."""
    source = ROOT / "clients/testing"
    modules = tmp_path / "node_modules"
    package = modules / "@notification-hub/testing"
    package.mkdir(parents=True)
    (package / "package.json").write_bytes((source / "package.json").read_bytes())
    for path in NODE_MODULES.iterdir():
        if path.name not in {"@notification-hub", ".bin"}:
            (modules / path.name).symlink_to(path)
    built = run(
        NODE_MODULES / ".bin/tsc", "-p", source / "tsconfig.build.json", "--outDir", package / "dist", folder=source
    )
    assert (0, "") == (built.returncode, built.stdout)
    blocks = re.findall(r"^```ts\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert 2 == len(blocks)
    for number, text in enumerate(blocks):
        (tmp_path / f"snippet{number}.ts").write_text(text)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    options = (
        "--module",
        "nodenext",
        "--target",
        "es2022",
        "--strict",
        "--types",
        "node",
        "--skipLibCheck",
        "--noEmit",
    )
    files = [f"snippet{number}.ts" for number in range(len(blocks))]
    checked = run(NODE_MODULES / ".bin/tsc", *options, *files, folder=tmp_path)
    assert (0, "") == (checked.returncode, checked.stdout)


class TestLocalHub:
    def test_each_has_its_own_of_everything(self, tmp_path: Path) -> None:
        """Two hubs at a time share no address, log, account, user, secret or key; both start in under a second."""
        began_s = time.process_time()
        with LocalHub(tmp_path / "a") as first, LocalHub(tmp_path / "b") as second:
            # Of this process's own time: how busy the machine is does not count.
            assert time.process_time() - began_s < 2
            assert first.publish("order_created")["cursor"].endswith("-1")
            assert second.publish("order_created")["cursor"].endswith("-1")
            for name in ("url", "ws_url", "account_id", "user_id", "service_key"):
                assert getattr(first, name) != getattr(second, name)
            first._secret = second._secret
            with pytest.raises(AssertionError, match="did not accept the connection: 401"):
                first.listen()

    def test_a_listener_goes_on_over_a_stop(self, tmp_path: Path) -> None:
        """What is published before and after comes once and in order; the address stays."""
        with LocalHub(tmp_path) as hub:
            listener = hub.listen()
            url = hub.url
            hub.publish("order_created", message="1")
            hub.stop()
            hub.start()
            hub.publish("order_created", message="2", user_ids=[hub.user_id, "other"], data={"orderId": 1})
            hub.publish("order_created", message="3", everyone=True, idempotency_key="k")
            assert hub.publish("order_created", message="3", everyone=True, idempotency_key="k")["duplicate"]
            assert ["1", "2", "3"] == [listener.next()["message"] for _ in range(3)]
            listener.expect_nothing()
            assert url == hub.url
            assert "connection_established" == listener.control[0]["type"]
            with hub.listen(cursor=listener.received[0]["cursor"]) as late:
                assert ["2", "3"] == [late.next()["message"] for _ in range(2)]
                hub.publish("order_created")
                with pytest.raises(AssertionError, match="not expected"):
                    late.expect_nothing(within_s=5)

    async def test_an_async_test_may_wait(self, tmp_path: Path) -> None:
        """`next_async` leaves the test's own event loop free."""
        with LocalHub(tmp_path) as hub, hub.listen() as listener:
            hub.publish("order_created")
            assert "order_created" == (await listener.next_async())["type"]

    def test_it_is_refused_as_anybody_is(self, tmp_path: Path) -> None:
        """A refused publish has the hub's problem; settings that cannot be used are said at the start."""
        with LocalHub(tmp_path) as hub, pytest.raises(PublishRefused) as caught:
            hub.publish("order_created", title=7)  # type: ignore[arg-type]  # what is refused
        assert ("invalid_field", "$.title") == (caught.value.problem["code"], caught.value.problem["field"])
        with pytest.raises(RuntimeError, match=r"did not start: .*nowhere"):
            LocalHub(tmp_path / "b", contracts=("nowhere",))

    def test_it_knows_the_demo_users_alone_where_it_is_told_to(self, tmp_path: Path) -> None:
        """They are those of `hub serve --dev`; nobody else is let in, and a listener that is refused says so."""
        with LocalHub(tmp_path, demo_users=True) as hub:
            seller = hub.listen(**DEMO_USERS["seller"])
            hub.publish("order_created", account_id=DEMO_USERS["seller"]["account_id"])
            assert "order_created" == seller.next()["type"]
            with pytest.raises(AssertionError, match="did not accept the connection: 403"):
                hub.listen()
            hub._secret = "another" * 8
            hub.restart()
            with pytest.raises(
                AssertionError, match=r"the listener is closed; before it came order_created; the hub refused it: 401"
            ):
                seller.next(timeout_s=20)
