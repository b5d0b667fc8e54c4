"""The specification of the wire: each of its rules is held by tests."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/protocol.md"

_BROWSER = "clients/browser/tests"
#: For each rule the tests that fail when it is broken: a file, and a name in it. Of Python the name is a function's; of
#: TypeScript it is a test's own words, or their beginning.
TESTS: dict[str, tuple[str, ...]] = {
    "R1.1": (
        "tests/transports/test_delivery.py::test_both_transports_carry_the_same_text",
        "tests/transports/test_poll.py::test_a_page_carries_the_bytes_of_the_stream",
    ),
    "R1.2": (
        "tests/transports/test_admission.py::test_the_credential_may_stand_in_three_places",
        "tests/auth/test_credentials.py::test_each_place_is_read",
        "tests/auth/test_credentials.py::test_header_comes_before_subprotocol_before_query",
        "tests/auth/test_credentials.py::test_two_headers_are_refused",
        "tests/auth/test_credentials.py::test_two_subprotocols_are_refused",
        "tests/auth/test_credentials.py::test_malformed_query_is_refused",
    ),
    "R1.5": ("tests/transports/test_admission.py::test_the_credential_may_stand_in_three_places",),
    "R1.6": ("tests/transports/test_delivery.py::test_the_first_frame_greets",),
    "R2.1": (
        "tests/transports/test_admission.py::test_a_bad_token_is_refused_before_the_accept",
        "tests/transports/test_admission.py::test_a_client_of_hub_v1_can_read_the_refusal",
    ),
    "R2.2": (
        "tests/transports/test_admission.py::test_sse_refusals_are_problems",
        "tests/transports/test_poll.py::test_a_draining_hub_sends_pollers_away",
    ),
    "R2.3": (
        "tests/attacks/test_matrix.py::test_every_actor_at_every_door_with_every_id",
        "tests/api/openapi/test_operations.py::test_a_revoked_token_is_refused_also_after_a_restart",
        "tests/transports/test_admission.py::test_a_foreign_origin_is_refused_on_both_transports",
        "tests/auth/test_account.py::test_user_who_does_not_belong_is_refused",
        "tests/auth/test_account.py::test_account_in_any_other_state_is_refused",
        "tests/attacks/test_matrix.py::test_a_cursor_opens_no_other_account",
    ),
    "R2.4": ("tests/transports/test_admission.py::test_a_ticket_is_good_once",),
    "R3.1": (
        "tests/transports/test_delivery.py::test_what_was_missed_over_one_transport_comes_over_the_other",
        "tests/transports/test_delivery.py::test_the_greeting_is_a_cursor_too",
        "tests/attacks/test_matrix.py::test_a_cursor_opens_no_other_account",
    ),
    "R3.5": (
        "tests/transports/test_delivery.py::test_a_long_absence_is_replayed_in_order",
        "tests/transports/test_delivery.py::test_an_expired_notification_is_not_replayed",
    ),
    "R3.6": (
        "tests/transports/test_cursor.py::test_what_is_not_a_cursor_is_refused_in_words",
        "tests/transports/test_cursor.py::test_a_websocket_is_refused_as_well",
        "tests/transports/test_cursor.py::test_a_blank_cursor_is_none",
    ),
    "R4.1": (
        "tests/transports/test_delivery.py::test_a_cursor_the_log_cannot_serve_is_a_gap",
        "tests/delivery/test_replay.py::test_a_damaged_record_is_a_gap_in_its_place",
        "tests/delivery/test_replay.py::test_by_retention",
    ),
    "R4.2": ("tests/transports/test_delivery.py::test_a_cursor_the_log_cannot_serve_is_a_gap",),
    "R5.1": (
        "tests/transports/test_liveness.py::test_hub_v1_clients_see_heartbeats_and_others_do_not",
        "tests/transports/test_liveness.py::test_a_heartbeat_moves_the_cursor",
    ),
    "R5.2": (
        "tests/transports/test_liveness.py::test_a_websocket_that_answers_no_ping_is_gone_within_two_intervals",
        "tests/transports/test_liveness.py::test_a_stalled_event_stream_without_traffic_is_dropped",
    ),
    "R6.1": ("tests/transports/test_admission.py::test_a_connection_ends_with_its_token",),
    "R6.2": ("tests/transports/test_admission.py::test_a_newer_token_keeps_the_connection",),
    "R6.3": (
        "tests/transports/test_admission.py::test_a_token_of_somebody_else_ends_the_connection",
        "tests/transports/test_admission.py::test_nonsense_of_a_hub_v1_client_closes_the_connection",
    ),
    "R7.1": ("tests/transports/test_liveness.py::test_a_drain_tells_each_client_when_to_come_back",),
    "R7.3": (
        "tests/transports/test_liveness.py::test_a_client_that_reads_slowly_gets_everything_on_its_connection",
        "tests/transports/test_liveness.py::test_a_client_that_stops_reading_is_ended_and_misses_nothing",
    ),
    "R8.1": (
        "tests/delivery/test_endings.py::test_a_drain_tells_each_client_in_its_own_way_and_ends_all",
        "tests/transports/test_admission.py::test_a_connection_ends_with_its_token",
    ),
    "R8.2": (
        "tests/transports/test_admission.py::test_the_oldest_connection_of_a_user_goes",
        "tests/delivery/test_endings.py::test_an_evicted_connection_is_kept_from_coming_back",
    ),
    "R9.1": (
        "tests/transports/test_poll.py::test_the_first_page_is_the_head_alone",
        "tests/transports/test_poll.py::test_pages_are_bounded_and_leave_nothing_out",
        "tests/transports/test_poll.py::test_a_page_is_bounded_in_bytes",
    ),
    "R9.2": (
        "tests/transports/test_poll.py::test_an_empty_page_moves_the_cursor",
        "tests/transports/test_poll.py::test_a_cursor_the_log_cannot_serve_is_a_gap",
    ),
    # Of clients: ours keep them.
    "R1.3": (
        f"{_BROWSER}/websocket.test.ts::the token is a subprotocol and stands in no URL; the cursor is a parameter",
    ),
    "R1.4": ("tests/transports/test_liveness.py::test_hub_v1_clients_see_heartbeats_and_others_do_not",),
    "R1.7": (f"{_BROWSER}/hub.test.ts::go to onUnknown, the others and gaps do not",),
    "R2.5": (
        f"{_BROWSER}/connection.test.ts::a cursor that the hub cannot read is dropped, not sent for ever",
        f"{_BROWSER}/connection.test.ts::three tokens refused one after the other are enough",
    ),
    "R3.2": (
        f"{_BROWSER}/hub.test.ts::moves after the handlers",
        f"{_BROWSER}/sse.test.ts::token and cursor are headers",
        "tests/transports/test_delivery.py::test_last_event_id_wins_over_the_query",
    ),
    "R3.3": (f"{_BROWSER}/hub.test.ts::moves with heartbeats",),
    "R3.4": (f"{_BROWSER}/hub.test.ts::waits in the browser for the next visit",),
    "R3.7": (f"{_BROWSER}/hub.test.ts::a duplicate notification is delivered once",),
    "R3.8": ("tests/schedules/test_schedules.py::test_eighty_schedules_lose_nothing",),
    "R4.3": (f"{_BROWSER}/hub.test.ts::a cursor that the hub cannot read becomes a gap",),
    "R5.3": ("tests/transports/test_liveness.py::test_clients_that_answer_stay",),
    "R5.4": (f"{_BROWSER}/liveness.test.ts::a link is dead when it was silent for a heartbeat and a half",),
    "R6.4": (f"{_BROWSER}/connection.test.ts::an expired token is replaced by another one",),
    "R7.2": (f"{_BROWSER}/connection.test.ts::a restart of the hub is spread over the window that it names",),
    "R7.4": ("tests/transports/test_liveness.py::test_a_client_that_stops_reading_is_ended_and_misses_nothing",),
    "R7.5": (
        f"{_BROWSER}/backoff.test.ts::the wait is anywhere between its floor and a ceiling that doubles up to 20 s",
    ),
    "R8.3": (f"{_BROWSER}/connection.test.ts::a lost connection is opened again",),
    "R8.4": (f"{_BROWSER}/connection.test.ts::after %i it stops, and says %s",),
    "R9.3": (f"{_BROWSER}/poll.test.ts::while frames come it soon asks again",),
    "R10.1": (
        "tests/publish/test_signaller.py::test_signal_reaches_who_asked",
        "tests/publish/test_signaller.py::test_deployed_frontends_get_none",
        "tests/publish/test_signaller.py::test_bad_query",
    ),
    "R10.2": ("tests/publish/test_signaller.py::test_listen_replaces_what_was_asked_for",),
    "R10.3": (
        "tests/publish/test_signaller.py::test_signal_reaches_who_asked",
        "tests/publish/test_signaller.py::test_polls_have_none",
    ),
    "R10.4": ("tests/delivery/test_signals.py::test_every_signal_is_written_or_counted",),
    "R10.5": (f"{_BROWSER}/signals.test.ts::has signals in no bell and at no handler of notifications",),
    "R11.1": (
        "tests/api/test_preferences.py::test_muted_type_reaches_no_connection_of_the_user",
        "tests/api/test_preferences.py::test_cursor_goes_on_and_what_was_muted_never_comes_back",
    ),
    "R11.2": ("tests/api/test_preferences.py::test_frame_is_for_those_who_know_it",),
    "R11.3": ("tests/api/test_preferences.py::test_frame_is_for_those_who_know_it",),
    "R14.1": (
        "tests/api/test_collapse.py::test_who_is_there_gets_both_and_who_returns_gets_the_newest",
        "tests/api/test_collapse.py::test_client_that_was_live_returns_without_a_duplicate",
    ),
    "R14.2": (
        f"{_BROWSER}/shared-inbox.test.ts::has the newest alone of those that take each other's place,"
        " and counts it once",
    ),
    "R11.4": (f"{_BROWSER}/preferences.test.ts::a hub that says it can %j is asked for none",),
    "R12.1": (
        "tests/deadlines/test_confirmations.py::test_acknowledged",
        "tests/deadlines/test_confirmations.py::test_event_stream",
        "tests/deadlines/test_confirmations.py::test_return_with_a_cursor",
    ),
    "R12.2": (
        "tests/deadlines/test_confirmations.py::test_websocket",
        "tests/deadlines/test_confirmations.py::test_forged_requests",
        "tests/deadlines/test_confirmations.py::test_connection_that_began_later",
        "tests/deadlines/test_confirmations.py::test_return_of_a_client_that_began_later",
    ),
    "R12.3": (
        f"{_BROWSER}/state.test.ts::says once a second, while notifications come, what the handlers took",
        f"{_BROWSER}/state.test.ts::is not sent to a hub that did not ask for it",
    ),
    "R13.1": (
        "tests/api/test_inbox.py::test_reaches_every_device_that_knows_it",
        "tests/delivery/test_model.py::test_seam",
    ),
    "R13.2": ("tests/inbox/test_model.py::test_inboxes",),
    "R13.3": (
        "tests/inbox/test_model.py::test_inboxes",
        "tests/api/test_inbox.py::test_newest_first_as_delivered_with_what_was_read",
    ),
    "R13.4": (
        "tests/api/test_forget.py::test_an_open_page_is_told_what_has_gone",
        "tests/api/test_forget.py::test_a_client_that_comes_back_later_fetches_its_inbox_again",
    ),
    "R13.5": (
        f"{_BROWSER}/shared-inbox.test.ts::loses what was erased: at once what is named, and the rest when it is"
        " fetched again",
    ),
}


def read_rules() -> dict[str, str]:
    """Return who keeps each rule of the page: `hub` or `client`."""
    rows = re.findall(r"^\| \*\*(R\d+\.\d+)\*\* \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a number is there twice"
    return dict(rows)


@cache
def list_names(path: str) -> frozenset[str]:
    """Return the functions of a module of tests."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def is_there(test: str) -> bool:
    """Whether a test exists."""
    path, _, name = test.partition("::")
    if path.endswith(".py"):
        return name in list_names(path)
    return f'("{name}' in (ROOT / path).read_text(encoding="utf-8")


def test_every_rule_has_its_tests() -> None:
    """No rule is a mere promise, and no test is named for a rule that is gone."""
    rules = read_rules()
    assert {"hub", "client"} == set(rules.values())
    assert TESTS.keys() == rules.keys()


def test_named_tests_exist() -> None:
    """A test that is renamed or removed leaves no rule without one."""
    assert [] == [test for tests in TESTS.values() for test in tests if not is_there(test)]


def test_numbers_have_no_hole() -> None:
    """Rules are numbered in order: others cite them, so a number is never used for something else."""
    numbers = [tuple(map(int, rule[1:].split("."))) for rule in read_rules()]
    sections = sorted({section for section, _ in numbers})
    assert list(range(1, len(sections) + 1)) == sections
    for section in sections:
        mine = [number for each, number in numbers if each == section]
        assert list(range(1, len(mine) + 1)) == mine
