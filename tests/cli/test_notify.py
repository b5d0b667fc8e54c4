"""`hub notify`: what is sent, what is printed, and what the exit code says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from contracts.receipt import Receipt
from hub.cli import main
from hub.directory.demo import DEMO_USERS
from tests.cli.process import DevHub, run
from tests.cli.server import Answer, answering

BUYER = DEMO_USERS[0]
WHAT = ("--type", "order_created", "--title", "Pedido criado", "--message", "PED-1")
RECEIPT = Receipt(id="n1", cursor="k3v9q2m7xa-1", duplicate=False, connections=1)
ACCEPTED: Answer = (202, {}, msgspec.json.encode(RECEIPT))


def notify(url: str, *arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command in this process, with a key."""
    runner = CliRunner(env={"HUB_URL": url, "HUB_SERVICE_KEY": "hubk_test", "HUB_DATA_DIR": None})
    return runner.invoke(main, ["notify", *WHAT, *arguments], input=stdin)


def problem(status: int, code: str) -> Answer:
    """Return an answer as the hub refuses."""
    fields = {"type": f"urn:x:{code}", "title": "T", "status": status, "detail": "It cannot be", "code": code}
    return status, {"Retry-After": "0"}, msgspec.json.encode(fields)


def test_publishes_to_a_running_hub(dev_hub: DevHub) -> None:
    """The receipt is printed as JSON; the same Idempotency-Key again is a duplicate."""
    arguments = (*WHAT, "--user", BUYER.user_id, "--account", str(BUYER.account_id), "--idempotency-key", "again")
    first, second = (run("notify", "--dev", "--json", *arguments, folder=dev_hub.folder) for _ in range(2))
    receipts = [msgspec.json.decode(done.stdout, type=Receipt) for done in (first, second)]
    assert [False, True] == [receipt.duplicate for receipt in receipts]
    assert receipts[0].id == receipts[1].id


def test_a_running_hub_warns_of_a_shape(dev_hub: DevHub) -> None:
    """What was passed on in another shape than declared is told on stderr; the exit code is that of success."""
    user = ("--user", BUYER.user_id, "--account", str(BUYER.account_id))
    done = run("notify", "--dev", *WHAT, *user, "--data", '{"items":"[]"}', folder=dev_hub.folder)
    assert (0, 1) == (done.returncode, len(done.stdout.splitlines()))
    assert (
        "hub: $.data.items is not as declared, and was passed on: Expected `array | null`, got `str`\n" == done.stderr
    )


def test_refused_by_a_running_hub(dev_hub: DevHub) -> None:
    """A type the hub does not know is said in words on stderr, with the known ones; exit code 1."""
    done = run("notify", "--dev", *WHAT, "--type", "nope", "--everyone", folder=dev_hub.folder)
    assert (1, "") == (done.returncode, done.stdout)
    assert "unknown_type" in done.stderr
    assert "stock_alert" in done.stderr


class TestRequest:
    def test_body(self) -> None:
        """Every option arrives under its name in the API; nothing that was not given is sent."""
        with answering([ACCEPTED]) as (url, asked):
            done = notify(url, "--users", "u1, u2", "--account", "a1", "--ttl", "15m", "--collapse-key", "k")
        assert 0 == done.exit_code
        ((path, headers, body),) = asked
        assert "/api/internal/notify" == path
        assert "Bearer hubk_test" == headers["authorization"]
        assert {
            "type": "order_created",
            "title": "Pedido criado",
            "message": "PED-1",
            "user_ids": ["u1", "u2"],
            "account_id": "a1",
            "ttl_seconds": 900,
            "collapse_key": "k",
        } == msgspec.json.decode(body)

    @pytest.mark.parametrize("place", ["argument", "file", "input"])
    def test_data_stays_as_it_is(self, place: str, tmp_path: Path) -> None:
        """The object's own bytes are sent: its spaces, its order, its 1.0."""
        data = '{ "total": 1.0, "orderId": 12345678901234567890, "ç": "é" }'
        file = tmp_path / "data.json"
        file.write_text(data, encoding="utf-8")
        given = {"argument": data, "file": f"@{file}", "input": "-"}[place]
        with answering([ACCEPTED]) as (url, asked):
            notify(url, "--everyone", "--data", given, stdin=data.encode() if place == "input" else None)
        assert f'"data":{data}'.encode() in asked[0][2]

    @pytest.mark.parametrize("data", ["{", "[]", "1", "", "@/nowhere/x.json", "{" * 2000, '{"a": "\udc9b"}'])
    def test_data_that_is_no_object(self, data: str) -> None:
        """It is refused here, with exit code 2, before anything is sent."""
        with answering([ACCEPTED]) as (url, asked):
            done = notify(url, "--everyone", "--data", data)
        assert (2, []) == (done.exit_code, asked)
        assert done.stderr.startswith("hub: --data: ")

    def test_title_that_is_not_utf8(self) -> None:
        """Bytes of another encoding in an option are a mistake of the caller, not a traceback."""
        done = notify("http://127.0.0.1:9", "--title", "\udc9b", "--everyone")
        assert 2 == done.exit_code

    def test_no_key(self) -> None:
        """Without a key nothing is sent, and the variable is named."""
        done = CliRunner(env={"HUB_SERVICE_KEY": ""}).invoke(main, ["notify", *WHAT, "--everyone"])
        assert 2 == done.exit_code
        assert done.stderr.startswith("hub: HUB_SERVICE_KEY: is missing")


class TestAnswer:
    def test_busy_hub_is_asked_once_more(self) -> None:
        """After a 503 the same request goes out again, under the same Idempotency-Key."""
        with answering([problem(503, "overloaded"), ACCEPTED]) as (url, asked):
            done = notify(url, "--everyone")
        assert 0 == done.exit_code
        assert asked[0] == asked[1]
        assert asked[0][1]["idempotency-key"]

    @pytest.mark.parametrize(
        ("answer", "code", "times"),
        [(problem(503, "overloaded"), 3, 2), (problem(500, "internal"), 3, 1), (problem(422, "unknown_target"), 1, 1)],
    )
    def test_problem(self, answer: Answer, code: int, times: int) -> None:
        """The problem is told in words; the exit code says whose it is."""
        with answering([answer]) as (url, asked):
            done = notify(url, "--everyone")
        assert (code, times, "") == (done.exit_code, len(asked), done.stdout)
        assert done.stderr.startswith("hub: It cannot be (")

    def test_foreign_answer(self) -> None:
        """Something that is not a hub is named as such."""
        with answering([(404, {}, b"<html>\x1b[31m")]) as (url, _):
            done = notify(url, "--everyone")
        assert (1, "hub: the answer is 404 and not a hub's problem; is HUB_URL right?\n") == (
            done.exit_code,
            done.stderr,
        )

    def test_redirect_is_not_followed(self) -> None:
        """The key goes to nobody but the hub that was named."""
        with answering([ACCEPTED]) as (other, asked), answering([(307, {"Location": other}, b"")]) as (url, _):
            done = notify(url, "--everyone")
        assert (1, []) == (done.exit_code, asked)

    def test_nobody_there(self) -> None:
        """A hub that is not there is exit code 3."""
        done = notify("http://127.0.0.1:9", "--everyone")
        assert 3 == done.exit_code
        assert done.stderr.startswith("hub: http://127.0.0.1:9 cannot be reached: ")
        assert done.stderr.endswith("; does a hub run there? HUB_URL or `--url` says where\n")

    def test_tls_where_there_is_none(self, dev_hub: DevHub) -> None:
        """https in the address of a hub without TLS is told in words."""
        done = notify(dev_hub.url.replace("http:", "https:"), "--everyone")
        assert (3, 1) == (done.exit_code, done.stderr.count("\n"))
        assert "is it http:// instead of https://?" in done.stderr

    @pytest.mark.parametrize(
        ("url", "fault"),
        [
            ("hub.example.com", "it does not begin with http:// or https://"),
            ("127.0.0.1:8000", "it does not begin with http:// or https://"),
            ("ftp://x", "its scheme is neither http nor https"),
            ("ws://127.0.0.1:8000/ws", "it is a WebSocket's"),
            ("http://", "it has no host"),
            ("http://u:p@x", "it holds a user or a password"),
            ("http://x/?a", "it has a query or a fragment"),
            ("http://[", "its host cannot be read"),
            ("http://x:http", "its port is not a number up to 65535"),
            ("http://x:99999", "its port is not a number up to 65535"),
            ("http://x:0", "its port is 0"),
        ],
    )
    def test_address_that_is_none(self, url: str, fault: str) -> None:
        """HUB_URL is named when it cannot be one, and what is wrong with it; a password in it is not repeated."""
        done = notify(url, "--everyone")
        assert (2, False) == (done.exit_code, ":p@" in done.stderr)
        example = "(example: https://hub.example.com)"
        assert done.stderr.startswith(f"hub: HUB_URL (or `--url`): is not the URL of a hub: {fault}")
        assert done.stderr.endswith(f"{example}\n")

    @pytest.mark.parametrize(
        ("key", "fault"),
        [
            ("eyJhbGciOiJIUzI1NiJ9.e30.x", "is a user's token"),
            ("stocktech:" + "9f" * 32, "is the line for the hub's HUB_SERVICE_KEYS"),
            ("two words", "is not a key of `hub key`"),
        ],
    )
    def test_key_that_is_none(self, key: str, fault: str) -> None:
        """What stands in the place of a service key is told before anybody is asked, and never shown."""
        done = CliRunner(env={"HUB_SERVICE_KEY": key}).invoke(main, ["stats"])
        assert (2, False) == (done.exit_code, key in done.stderr)
        assert done.stderr.startswith(f"hub: HUB_SERVICE_KEY: {fault}")

    def test_key_that_the_hub_does_not_know(self) -> None:
        """A 401 names the variable with the key and the one of the hub that its hash belongs to."""
        with answering([problem(401, "invalid_token")]) as (url, _):
            done = notify(url, "--everyone")
        assert (1, 1) == (done.exit_code, done.stderr.count("\n"))
        assert "HUB_SERVICE_KEY " in done.stderr
        assert "the hub's HUB_SERVICE_KEYS" in done.stderr
