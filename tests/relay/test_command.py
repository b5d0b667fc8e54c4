"""`hub relay` as a process: what it says, how it ends, and what it never shows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import httpx
import pytest
from click.testing import CliRunner

from hub.cli import main
from tests.cli.process import Running, run
from tests.harness import ACCOUNT, USER, RunningHub
from tests.pooler import run_pooler
from tests.postgres import Postgres
from tests.relay.outbox import Outbox, body, open_outbox


async def command(*arguments: str, **env: str) -> tuple[int, str, str]:
    """Run `hub relay` beside the servers of this loop, in a thread; return the code and both streams."""
    runner = CliRunner(env={"HUB_URL": None, "HUB_SERVICE_KEY": None, **env})
    done = await asyncio.to_thread(runner.invoke, main, ["relay", *arguments])
    return done.exit_code, done.stdout, done.stderr


async def process(folder: Path, env: dict[str, str]) -> tuple[int, str, str]:
    """Run a relay as a process to its end, which it should find at once."""
    done = await asyncio.to_thread(run, "relay", folder=folder, env=env)
    return done.returncode, done.stdout, done.stderr


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(outbox: Outbox, hub: RunningHub) -> dict[str, str]:
    """Return what a relay needs."""
    return {"HUB_RELAY_DATABASE": outbox.url, "HUB_URL": hub.url, "HUB_SERVICE_KEY": hub.key}


async def test_it_publishes_until_a_signal_and_shows_no_person(outbox: Outbox, hub: RunningHub, tmp_path: Path) -> None:
    """Rows are published, a dead one is named by its id; no line holds a key of a row, an id or a body."""
    secret = "Pedido de Maria"
    await outbox.write(
        (f"user-{USER}", body(secret, user_id=USER)),
        (f"user-{USER}", body(secret, type="unheard_of")),
        ("broken", "{}"),
    )
    port = free_port()
    env = environment(outbox, hub) | {"HUB_RELAY_PORT": str(port), "HUB_LOG_LEVEL": "debug"}
    relay = Running("relay", folder=tmp_path, env=env)
    with relay:
        await outbox.wait_settled()
        await asyncio.to_thread(relay.wait_for, "relay_row_dead", count=2)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert 200 == (await client.get("/health/ready")).status_code
            metrics = (await client.get("/metrics")).text
        assert 0 == await asyncio.to_thread(relay.stop)
    assert "hub_relay_published_total 1.0" in metrics
    lines = [json.loads(line) for line in relay.err]
    events = [line["event"] for line in lines if "event" in line]
    assert ["relay_started", "relay_row_dead", "relay_row_dead", "relay_ended"] == events
    assert {"unknown_type", "no_target", "invalid_field"} >= {line["code"] for line in lines if "code" in line}
    shown = "\n".join(relay.err) + metrics
    for word in (secret, USER, ACCOUNT, "user-", hub.key, "unheard_of"):
        assert word not in shown


async def test_silent_connections_keep_no_probe_out(outbox: Outbox, hub: RunningHub, tmp_path: Path) -> None:
    """However many peers hold connections to HUB_RELAY_PORT and ask for nothing, a probe has its response."""
    port = free_port()
    env = environment(outbox, hub) | {"HUB_RELAY_PORT": str(port)}
    with Running("relay", folder=tmp_path, env=env) as relay, contextlib.ExitStack() as peers:
        await asyncio.to_thread(relay.wait_for, "relay_started")
        for _ in range(2 * hub.settings.bounds.metrics_connections):
            peers.enter_context(socket.create_connection(("127.0.0.1", port)))
        async with httpx.AsyncClient() as client:
            assert 200 == (await client.get(f"http://127.0.0.1:{port}/health/live")).status_code


async def test_a_taken_port_is_one_line(outbox: Outbox, hub: RunningHub, tmp_path: Path) -> None:
    """The start ends and names the variable, the address and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = environment(outbox, hub) | {"HUB_RELAY_PORT": str(port)}
        code, _, err = await process(tmp_path, env)
    assert 2 == code
    assert f"HUB_RELAY_PORT: cannot listen on 127.0.0.1:{port}: Address already in use" in err.splitlines()[-1]


async def test_check_finds_nothing_wrong(outbox: Outbox, hub: RunningHub) -> None:
    """Database, table, rights, trigger, hub and key are looked at; nothing is published."""
    await outbox.write(("a", "one"))
    code, out, _ = await command("--check", **environment(outbox, hub))
    assert 0 == code, out
    assert ["database", "wake", "waiting", "hub"] == re.findall(r"^ok +(\w+)", out, re.MULTILINE)
    code, out, _ = await command("--check", "--json", **environment(outbox, hub))
    assert (0, True) == (code, json.loads(out)["ok"])
    assert 1 == await outbox.count("published_at IS NULL AND attempts = 0")


async def test_check_says_that_a_pooler_is_polled(outbox: Outbox, hub: RunningHub) -> None:
    """Behind a pooler in transaction mode, and without the trigger, the relay has to look by itself."""
    with run_pooler(outbox.server) as pooler:
        env = environment(outbox, hub) | {"HUB_RELAY_DATABASE": pooler.url}
        code, out, _ = await command("--check", **env)
    assert 0 == code
    assert re.search(r"^warn +wake +a pooler in transaction mode", out, re.MULTILINE)
    await outbox.connection.execute("DROP TRIGGER notification_outbox_wake ON notification_outbox")
    code, out, _ = await command("--check", **environment(outbox, hub))
    assert 0 == code
    assert re.search(r"^warn +wake +the table has no trigger", out, re.MULTILINE)


async def make_user(outbox: Outbox, name: str, rights: str, setting: str = "") -> str:
    """Make a database user with these rights on the table; return its URL."""
    if await outbox.connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name):
        await outbox.connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await outbox.connection.execute(f"CREATE ROLE {name} LOGIN; GRANT {rights} ON notification_outbox TO {name}")
    if setting:
        await outbox.connection.execute(f"ALTER ROLE {name} SET {setting}")
    return outbox.url.replace("//hub@", f"//{name}@")


async def test_what_only_a_person_can_mend_ends_a_relay_at_once(
    outbox: Outbox, hub: RunningHub, tmp_path: Path
) -> None:
    """A wrong password, database, table or right is one line that says what and what to do."""
    reader = await make_user(outbox, "reader", "SELECT")
    frozen = await make_user(outbox, "frozen", "SELECT, UPDATE, DELETE", "default_transaction_read_only = on")
    with run_pooler(outbox.server) as pooler:
        cases = [
            ({"HUB_RELAY_DATABASE": pooler.url.replace("hub:p%40ss", "hub:wrong")}, "the password is wrong"),
            ({"HUB_RELAY_DATABASE": f"{outbox.url}_gone"}, "there is no database of this name"),
            ({"HUB_RELAY_TABLE": "nowhere.box"}, "the table nowhere.box is not there: run `hub relay --migrate`"),
            ({"HUB_RELAY_DATABASE": reader}, "may not UPDATE, DELETE on notification_outbox: GRANT UPDATE, DELETE"),
            ({"HUB_RELAY_DATABASE": frozen}, "is read-only for this user"),
        ]
        env = environment(outbox, hub)
        # The check says the same as the relay; a process each for two of them.
        ended = await asyncio.gather(*(process(tmp_path / "data", env | changes) for changes, _ in cases[1:3]))
        checked = [await command("--check", **env | changes) for changes, _ in cases]
    for (_, words), (code, out, err) in zip(cases[1:3], ended, strict=True):
        assert (1, "", 1) == (code, out, err.count("\n")), err
        assert words in err
    for (_, words), (code, out, err) in zip(cases, checked, strict=True):
        assert (1, "") == (code, err)
        (line,) = [line for line in out.splitlines() if line.startswith("fail")]
        assert words in line
        assert "HUB_DIRECTORY" not in line
        assert "wrong@" not in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"HUB_RELAY_DATABASE": ""}, "HUB_RELAY_DATABASE: is missing"),
        ({"HUB_RELAY_DATABASE": "mysql://db/app"}, "HUB_RELAY_DATABASE: is not the URL of a PostgreSQL"),
        ({"HUB_RELAY_DATABASE": "postgresql://db/app?sslmode=maybe"}, "HUB_RELAY_DATABASE: has an sslmode"),
        ({"HUB_RELAY_DATABASE": "postgresql://db/app?sslrootcert=/gone"}, "HUB_RELAY_DATABASE: sslrootcert names"),
        ({"HUB_RELAY_TABLE": "a b"}, "HUB_RELAY_TABLE: is not a table's name"),
        ({"HUB_SERVICE_KEY": ""}, "HUB_SERVICE_KEY: is missing"),
        ({"HUB_RELAY_IN_FLIGHT": "0"}, "HUB_RELAY_IN_FLIGHT: is not at least 1"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named(changes: dict[str, str], words: str) -> None:
    """In one line, with exit code 2, which a supervisor does not try again."""
    env = {"HUB_RELAY_DATABASE": "postgresql://db/app", "HUB_SERVICE_KEY": "hubk_tests"} | changes
    code, out, err = await command("--check", **env)
    assert (2, "", 1) == (code, out, err.count("\n")), err
    assert words in err


async def test_check_names_what_a_relay_would_wait_for(outbox: Outbox, hub: RunningHub) -> None:
    """A database or a hub that is away, and a key that the hub does not know, are failures of the check."""
    env = environment(outbox, hub)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nothing = probe.getsockname()[1]
    for changes, words in [
        ({"HUB_RELAY_DATABASE": f"postgresql://hub@127.0.0.1:{nothing}/postgres"}, "database +nothing listens at"),
        ({"HUB_URL": f"http://127.0.0.1:{nothing}"}, "hub +http://127.0.0.1:.* the hub cannot be reached"),
        ({"HUB_SERVICE_KEY": "hubk_of-nobody"}, "hub +.*invalid_token|hub +.*unauthenticated"),
        ({"HUB_URL": hub.url + "/elsewhere"}, "hub +.*404"),
    ]:
        code, out, _ = await command("--check", **env | changes)
        assert 1 == code
        assert re.search(f"^fail +({words})", out, re.MULTILINE), out


async def test_dead_rows_are_listed_sent_again_and_discarded(outbox: Outbox, hub: RunningHub) -> None:
    """By id or all; what is shown is the row's id, its type, its moments and the hub's reason."""
    ids = await outbox.write((f"user-{USER}", body("one", user_id=USER)), ("b", "two"), ("c", "three"))
    await outbox.connection.execute(
        "UPDATE notification_outbox SET dead_at = now(), dead_reason = 'unknown_target (422): no', attempts = 1"
    )
    env = environment(outbox, hub)
    code, out, _ = await command("--dead", **env)
    assert (0, 3) == (code, out.count("\n"))
    assert "cart_updated" in out
    assert "unknown_target (422): no" in out
    assert USER not in out
    code, out, _ = await command("--dead", "list", "--json", **env)
    assert sorted(ids) == sorted(row["id"] for row in json.loads(out)["dead"])
    assert (0, "1 row is sent again\n") == (await command("--dead", "retry", ids[0], **env))[:2]
    assert (0, "1 row is deleted\n") == (await command("--dead", "discard", ids[1], **env))[:2]
    code, _, err = await command("--dead", "discard", ids[0], **env)
    assert (1, "hub: 1 of the ids are not of dead rows\n") == (code, err)
    assert (0, "1 row is sent again\n") == (await command("--dead", "retry", "--all", **env))[:2]
    assert 2 == await outbox.count("dead_at IS NULL")
    code, out, err = await command("--dead", **env)
    assert (0, "", "no row is dead\n") == (code, out, err)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dead", "retry"], "--dead retry: give the ids of rows, or --all"),
        (["--dead", "discard", "--all", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"], "give the ids of rows, or --all"),
        (["--dead", "retry", "12345678909"], "IDS: are the ids of rows"),
        (["6f9619ff-8b86-4d01-b42d-00cf4fc964ff"], "IDS: go with --dead retry and --dead discard alone"),
        (["--check", "--migrate"], "exclude each other"),
        (["--dead", "bury"], "'bury' is not one of"),
    ],
)
async def test_a_command_line_that_says_too_little_is_refused(arguments: list[str], words: str) -> None:
    """Nothing is deleted or sent again by a slip."""
    code, out, err = await command(*arguments, HUB_RELAY_DATABASE="postgresql://db/app")
    assert (2, "") == (code, out)
    assert words in err


class TestMigration:
    """The table's SQL, applied and taken back."""

    async def test_it_may_run_again(self, postgres: Postgres) -> None:
        """A second run changes nothing, and rows stay; it goes through a pooler too."""
        async with open_outbox(postgres) as outbox:
            await outbox.connection.execute("DROP TABLE notification_outbox")
            with run_pooler(postgres) as pooler:
                for url in (outbox.url, pooler.url, outbox.url):
                    code, out, err = await command("--migrate", HUB_RELAY_DATABASE=url)
                    assert (0, "the table notification_outbox is there, with its indexes and its trigger\n") == (
                        code,
                        out,
                    ), err
                    await outbox.write(("a", "one"))
            assert 3 == await outbox.count("true")

    async def test_it_may_be_in_a_schema_and_have_another_name(self, postgres: Postgres) -> None:
        """Two tables in one database have nothing in common but the channel."""
        async with open_outbox(postgres) as outbox:
            await outbox.connection.execute("DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app")
            env = {"HUB_RELAY_DATABASE": outbox.url, "HUB_RELAY_TABLE": "App.Letters"}
            assert 0 == (await command("--migrate", **env))[0]
            indexes = await outbox.connection.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'letters'")
            assert {"letters_pkey", "letters_waiting", "letters_oldest", "letters_published", "letters_dead"} == {
                row[0] for row in indexes
            }
            _, down, _ = await command("--print-sql", "down", **env)
            await outbox.connection.execute(down)
            assert await outbox.connection.fetchval("SELECT to_regclass('app.letters') IS NULL")
            assert 0 == await outbox.count("true")

    async def test_the_way_back_loses_no_row_that_waits(self, postgres: Postgres) -> None:
        """It refuses while rows wait, and may run again when there is nothing."""
        async with open_outbox(postgres) as outbox:
            _, down, _ = await command("--print-sql", "down")
            await outbox.write(("a", "one"))
            with pytest.raises(asyncpg.ObjectInUseError):
                await outbox.connection.execute(down)
            await outbox.connection.execute("UPDATE notification_outbox SET published_at = now()")
            for _ in range(2):
                await outbox.connection.execute(down)
            assert await outbox.connection.fetchval("SELECT to_regclass('notification_outbox') IS NULL")

    async def test_a_user_that_may_not_make_it_is_told(self, outbox: Outbox) -> None:
        """One line that says what is missing."""
        reader = await make_user(outbox, "reader", "SELECT")
        code, out, err = await command("--migrate", HUB_RELAY_DATABASE=reader, HUB_RELAY_TABLE="notification_outbox")
        assert (1, "", 1) == (code, out, err.count("\n"))
        assert "the database user may not do what the relay does" in err
