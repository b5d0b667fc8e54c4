"""Every fault we know, what the hub does then, which tests break it so, and the page made from how they ended."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import chain
from typing import NamedTuple

__all__ = [
    "CLUSTER_FAULTS",
    "FAULTS",
    "SEVERAL_NODES",
    "Fault",
    "Measured",
    "Outcome",
    "make_page",
    "make_room",
    "put_room",
    "read_outcomes",
    "read_room",
]


class Fault(NamedTuple):
    """One way to break the hub."""

    title: str
    answer: str
    #: `file::test`, below tests/.
    tests: Sequence[str]


class Outcome(NamedTuple):
    """How the cases of one test ended, and what they measured."""

    passed: int
    failed: int
    figures: Sequence[str]


class Measured(NamedTuple):
    """How figures came about."""

    command: str
    date: date
    machine: str
    versions: str


#: Room of the table -> its faults.
ROOMS: dict[str, Sequence[Fault]] = {
    "The process": (
        Fault(
            "`kill -9` under load",
            "Nothing acknowledged is lost; every client has it once and in order; a retried request is one record.",
            (
                "faults/test_kill.py::test_nothing_acknowledged_is_lost_in_five_kills",
                "faults/test_kill.py::test_nothing_acknowledged_is_lost_in_two_hundred_kills",
            ),
        ),
        Fault(
            "`kill -9` while deadlines end, and a webhook endpoint that fails, hangs, redirects and lies",
            "Who did not confirm is reported at least once, under one id; who did, never.",
            (
                "faults/test_confirmations.py::test_sixty_deadlines_over_three_kills",
                "faults/test_confirmations.py::test_a_thousand_deadlines_over_twenty_kills",
            ),
        ),
        Fault(
            "SIGTERM under load",
            "Not ready first, nobody new, every client told when to come back, stalled ones aborted, exit 0.",
            ("faults/test_restart.py::test_sigterm_under_load_sends_everybody_away_in_order",),
        ),
        Fault(
            "One hub follows another on the same socket",
            "No request is refused; it waits in the queue of the socket until the next hub has the log.",
            ("faults/test_restart.py::test_two_hubs_hand_over_one_socket_and_refuse_nobody",),
        ),
        Fault(
            "No file descriptors left",
            "Who is connected is served, publishes are stored, newcomers are reset without a log line; back at once.",
            (
                "faults/test_exhaustion.py::test_without_file_descriptors_the_hub_serves_who_is_there",
                "faults/test_exhaustion.py::"
                "test_the_hub_takes_the_descriptors_it_may_have_and_says_when_they_are_too_few",
            ),
        ),
    ),
    "Peers": (
        Fault(
            "Clients stop reading",
            "Past their budget they get the rest from the log; those that take nothing are closed. They miss nothing.",
            (
                "faults/test_stalled.py::test_clients_that_stop_reading_cost_little_and_go_in_time",
                "transports/test_liveness.py::test_a_client_that_stops_reading_is_ended_and_misses_nothing",
                "transports/test_liveness.py::test_a_client_that_reads_slowly_gets_everything_on_its_connection",
                "transports/test_liveness.py::test_a_stalled_event_stream_without_traffic_is_dropped",
            ),
        ),
        Fault(
            "Hundreds of peers that take nothing, over every transport",
            "At most 128 KiB each beside what the hub needs anyway, and all of it comes back when they leave.",
            ("faults/test_held.py::test_stalled_peers_hold_128_kib_each_and_give_it_back",),
        ),
        Fault(
            "Connections come and go, a million of them",
            "None leaves anything: memory and objects return without the collector, and no pause is over 20 ms.",
            (
                "faults/test_departed.py::test_20_000_connections_leave_nothing_without_the_collector",
                "faults/test_departed.py::test_a_million_connections_leave_nothing_and_stop_nobody",
            ),
        ),
        Fault(
            "Everybody is dropped at once and back at once",
            "Sixteen handshakes per loop iteration, in order; each gets exactly what it missed; publishes go past.",
            (
                "faults/test_storm.py::test_everybody_dropped_at_once_is_back_and_misses_nothing",
                "edge/test_handshake_limiter.py::test_a_publish_goes_past_those_who_wait",
            ),
        ),
        Fault(
            "Peers that are gone without a word",
            "One heartbeat is missed, at the next the connection is dropped; a reset one is forgotten at once.",
            (
                "transports/test_liveness.py::test_a_websocket_that_answers_no_ping_is_gone_within_two_intervals",
                "transports/test_liveness.py::test_a_reset_connection_is_forgotten_at_once",
            ),
        ),
        Fault(
            "Silent sockets, half a head, half a body",
            "Gone after 10 s (408 where a request had begun); nobody else waits.",
            (
                "attacks/test_slow_peers.py::test_silent_and_slow_peers_are_not_kept",
                "attacks/test_slow_peers.py::test_half_a_body_is_answered_408",
            ),
        ),
        Fault(
            "A head without end",
            "431 at 32 KiB.",
            (
                "attacks/test_http.py::test_an_endless_head_is_cut_early",
                "attacks/test_http.py::test_too_many_headers_are_refused",
            ),
        ),
        Fault(
            "Requests that two parsers read differently",
            "400, and the connection ends.",
            (
                "attacks/test_http.py::test_no_request_breaks_the_hub",
                "attacks/test_http.py::test_what_hides_behind_a_request_is_not_a_request",
            ),
        ),
        Fault(
            "Floods of pings, pongs, fragments, messages",
            "Cut off after 200 frames beyond 50 a second (1008); others notice nothing.",
            ("attacks/test_frames.py::test_a_flood_is_cut_off",),
        ),
        Fault(
            "Frames that break the protocol",
            "Closed with the code of RFC 6455; no traceback, no log line.",
            (
                "attacks/test_frames.py::test_each_violation_ends_its_connection_with_its_code",
                "attacks/test_frames.py::test_mutated_frames_on_live_sockets",
            ),
        ),
        Fault(
            "Inflate bombs (compression on)",
            "Closed with 1009 while they inflate.",
            ("faults/test_bombs.py::test_a_bomb_costs_no_more_than_a_few_messages",),
        ),
        Fault(
            "Bodies with millions of keys, deep nesting, huge numbers",
            "A problem with a code; never a 500.",
            (
                "attacks/test_bodies.py::test_a_hostile_body_is_a_problem_with_a_code",
                "attacks/test_bodies.py::test_a_million_keys_are_refused_before_they_are_read",
            ),
        ),
        Fault(
            "Too many connections",
            "503 at WS_MAX_CONNECTIONS, exactly; a user's oldest goes (4002, without hub.v1 1000) at "
            "HUB_MAX_CONNECTIONS_PER_USER, and fifty tabs come to rest.",
            (
                "transports/test_admission.py::test_the_hub_holds_its_limit_exactly",
                "transports/test_admission.py::test_the_oldest_connection_of_a_user_goes",
                "faults/test_old_hook.py::test_fifty_tabs_of_one_user_come_to_rest",
            ),
        ),
        Fault(
            "Restarts and kills under tabs that give no cursor",
            "Each tab of the deployed frontends shows each notification, once.",
            (
                "faults/test_old_hook.py::test_tabs_without_a_cursor_show_everything_once_over_restarts",
                "network/test_old_hook_return.py::test_each_tab_shows_each_notification_once_over_a_restart",
            ),
        ),
        Fault(
            "Networks that break under tabs that give no cursor",
            "Nothing is lost; what was under way in that moment may come twice.",
            (
                "transports/test_resume.py::test_a_network_that_breaks_at_any_byte_loses_nothing",
                "transports/test_resume.py::test_a_client_on_a_new_network_gets_what_went_into_the_void",
            ),
        ),
    ),
    "The log": (
        Fault(
            "Power cut",
            "What was acknowledged had been synced; the same cuts take records from a log that does not sync.",
            (
                "log/test_power_cut.py::test_no_power_cut_takes_an_acknowledged_record",
                "log/test_power_cut.py::test_the_cuts_do_take_what_was_not_synced",
            ),
        ),
        Fault(
            "Disk full",
            "Publishes get 503, replay goes on, and it recovers by itself once there is room.",
            ("log/test_faults.py::TestDiskFull",),
        ),
        Fault(
            "Disk errors",
            "No false acknowledgement; the file is opened anew, and refused where it lost what was acknowledged.",
            ("log/test_faults.py::TestFailingDisk",),
        ),
        Fault(
            "Disk that hangs",
            "Publishers get 503 at their deadline.",
            ("log/test_sqlite.py::TestDeadlines",),
        ),
        Fault(
            "Any bit of its files flipped",
            "Each record comes as it was or its loss is told; nothing false is sent, no revocation is lost or forged.",
            ("log/test_damage.py::TestFlippedBits",),
        ),
        Fault(
            "A record that the disk gives back changed",
            "A gap in its place over every transport, and what is whole after it; nobody else gets it.",
            ("faults/test_damage.py::TestDamagedRecord", "log/test_damage.py::TestReading"),
        ),
        Fault(
            "Log, write-ahead log or mark cut, emptied, overwritten or deleted; an old copy put back",
            "What is missing is said at the start: a new epoch and one gap for every client, or no start.",
            ("log/test_opening.py::TestDamage", "log/test_opening.py::TestCopies"),
        ),
        Fault(
            "Files deleted, replaced, moved or written under a running hub; a mount that becomes read-only",
            "Noticed within a second: 503 and not ready; what was acknowledged is there after a restart.",
            (
                "faults/test_damage.py::TestFilesThatGo",
                "log/test_watch.py::test_a_file_that_goes_is_noticed_and_costs_nothing_that_was_acknowledged",
                "log/test_watch.py::test_a_file_system_that_becomes_read_only_is_noticed",
            ),
        ),
        Fault(
            "A backup is made under load, or while the hub stops",
            "All that was acknowledged before is in it; publishing goes on; an old cursor is told of the gap later.",
            (
                "faults/test_backup.py::test_a_backup_under_load_has_all_that_was_acknowledged_before_it",
                "faults/test_backup.py::test_after_a_restore_a_client_from_before_is_told_the_gap",
                "faults/test_backup.py::test_a_hub_that_stops_meanwhile",
                "log/test_backup.py::test_a_reader_that_stays_holds_no_append_up",
            ),
        ),
        Fault(
            "A backup is restored",
            "One gap for every client, and then everything goes on, with the command and without it.",
            ("faults/test_damage.py::TestRestore", "cli/test_restore.py::TestRestore"),
        ),
        Fault(
            "Foreign file, second process, damage that is to be refused",
            "The hub refuses to start and says why.",
            ("log/test_sqlite.py::TestRefusals",),
        ),
    ),
    "The directory": (
        Fault(
            "The database of users is down or hangs",
            "Known users get in and are published to, others get 503 at a deadline; no connection ends.",
            (
                "directory/test_outage.py::test_crash_is_an_outage_until_the_restart",
                "directory/test_outage.py::test_hanging_server_holds_nobody",
                "directory/test_outage.py::test_known_users_get_in_while_the_server_hangs",
            ),
        ),
    ),
}
FAULTS = [fault for room in ROOMS.values() for fault in room]

#: The room that `make faults CLUSTER=1` measures: an hour and a half of it.
SEVERAL_NODES = "Several nodes"
CLUSTER_FAULTS = (
    Fault(
        "`kill -9` of the NATS server that leads, and of a hub, under load",
        "Publishes wait for the election; at no node is anything lost, twice or in another order.",
        ("cluster/test_faults.py::test_a_kill_of_each_kind_loses_nothing",),
    ),
    Fault(
        "`kill -9` of any of the six processes, again and again, for an hour",
        "The same. Each process is back and takes work before the next one is killed.",
        ("cluster/test_faults.py::TestLong::test_random_kills",),
    ),
    Fault(
        "`kill -9` of the leader, 20 times at 200/s, with both kinds of syncing",
        "Publishes wait for each election, and then go on.",
        ("cluster/test_faults.py::TestLong::test_twenty_kills_of_the_leader",),
    ),
    Fault(
        "A hub with 1,000 clients is killed",
        "All go on at the others with their cursors, once and in order.",
        ("cluster/test_clients_of_a_killed_hub.py::test_a_thousand_clients_come_back",),
    ),
    Fault(
        "A hub is killed after the stream has acknowledged, and before it can answer",
        "The repeat at another node, under the same idempotency key, is the same notification.",
        ("cluster/test_faults.py::TestLong::test_a_hub_killed_before_it_can_answer",),
    ),
    Fault(
        "50 publishes of one key at once, over three nodes, at rest and across an election",
        "One notification, and 50 receipts that name it.",
        ("cluster/test_faults.py::TestLong::test_one_key_at_once",),
    ),
    Fault(
        "A hub, or the NATS server that leads, hangs for 30 s",
        "Its clients go elsewhere or wait; nobody is told of a gap that there is not; afterwards it catches up.",
        ("cluster/test_faults.py::TestLong::test_a_stopped_process",),
    ),
    Fault(
        "A hub is cut off from NATS",
        "Not ready, 503 to its publishers; after `HUB_ISOLATION` its clients are sent away; it comes back by itself.",
        (
            "cluster/test_faults.py::TestLong::test_a_hub_cut_off_from_nats",
            "cluster/test_hubs.py::test_a_node_that_is_cut_off_sends_its_clients_away",
        ),
    ),
    Fault(
        "Messages to the nodes are lost: 2 % of them, the last one, all of them for seconds; connections break",
        "The node notices by the next one, by a beacon or by the leader's word, and reads what it misses.",
        (
            "cluster/test_tap_faults.py::test_two_percent_are_lost",
            "cluster/test_tap_faults.py::test_the_tap_is_cut",
            "cluster/test_tap_faults.py::test_a_wire_that_breaks",
        ),
    ),
    Fault(
        "A node comes back with an empty disk, or with an older copy",
        "It is ready once it has everything.",
        ("cluster/test_mirror_faults.py::test_an_empty_and_an_older_mirror",),
    ),
    Fault(
        "A replica of the stream lags while a node reads",
        "The node takes nothing old for the end.",
        ("cluster/test_mirror_faults.py::test_a_replica_that_lags",),
    ),
    Fault(
        "Retention takes what a node or a client has not got",
        "Each loss is told to those it concerns, as a gap; nothing else is lost.",
        ("cluster/test_mirror_faults.py::test_retention_passes_a_node_and_clients",),
    ),
    Fault(
        "The stream is deleted and made again",
        "From a mirror: nobody notices. Empty: everybody is told of one gap.",
        ("cluster/test_mirror_faults.py::test_a_stream_is_deleted_and_made_again",),
    ),
    Fault(
        "A rolling restart, and a rolling upgrade, of all six under load",
        "No publish is refused or lost; an attempt on a connection that ends in that moment is repeated under its key.",
        (
            "cluster/test_rolling.py::test_a_rolling_restart_of_all_six",
            "cluster/test_rolling.py::test_a_rolling_upgrade_of_all_six",
        ),
    ),
    Fault(
        "From one node to three, and back, with connected clients",
        "No client is told of a gap, and none misses anything.",
        ("cluster/test_rolling.py::test_from_one_node_to_three_and_back",),
    ),
    Fault(
        "Simulated, from a seed: loss, delay and order of messages, partitions, elections, power cuts, full disks,"
        " clocks that jump, retention",
        "Every mirror and every client has what was acknowledged, once and in order; what a node lacks it is told of.",
        (
            "simulation/test_simulation.py::test_whatever_goes_wrong",
            "simulation/test_simulation.py::test_whatever_goes_wrong_for_long",
        ),
    ),
    Fault(
        "A hub alone, asked by the same checker from outside",
        "Nothing is lost over kills and restarts; the checker finds each fault of a hub that has one.",
        (
            "cluster/test_alone.py::test_kills_and_restarts_lose_nothing",
            "cluster/test_alone.py::test_many_kills_and_restarts_lose_nothing",
            "cluster/test_checker.py::test_a_fault_is_found",
        ),
    ),
)

_SIMULATION = """## Simulation

The log of three nodes over simulated NATS servers and a simulated network, in virtual time, all of it from one seed
([tests/simulation](../../tests/simulation/world.py)). Messages are delayed, lost, repeated and out of order; the
network falls apart; leaders change; servers and nodes lose their power and what they had not synced; disks are full or
slow; clocks jump; the stream drops by count, by age and all at once; nodes begin with an empty disk; people are erased.
In the end every mirror, every client's sequence, and state and revocations are compared with what the stream has had.
A seed that fails takes the same course again: `python -m tests.simulation SEED`. Measured on 2026-11-26:

- The 200 seeds of each `make test`: 10,317 publishes acknowledged, 1,625 repeats, 1,080 faults, 352 elections, in 70
  minutes of virtual time and 22 s of CPU; none failed. State was compared in 175: in the others no node was left that
  had all of it.
- Of the 20,000 seeds of `make soak` 13,000 were run in the world as it is. One of them came to rest later than the
  harness waited; it waits longer since. Nothing was lost, repeated or out of order.
- Mutations of the code: 34 of 34 are noticed, 30 of them within 100 seeds.

"""

_FLOODS = """## Floods: what is bounded, and what a proxy has to do

| Flood | Bound |
|---|---|
| connections, all together | `WS_MAX_CONNECTIONS`; one more gets 503 with `Retry-After`, or 4503 |
| connections of one user | `HUB_MAX_CONNECTIONS_PER_USER`; one more closes the oldest (4002, without `hub.v1` 1000) |
| handshakes | sixteen per loop iteration, in order of arrival; publishes and health checks do not wait behind them |
| connections that say nothing | ten seconds to the end of the head, fifteen between requests |
| frames of one connection | 50 a second, 200 at once; then 1008 |
| one message, one head, one body | 64 KiB, 32 KiB in 200 fields, `HUB_MAX_BODY` |
| publishes that wait for the disk | `HUB_MAX_PENDING_APPENDS`; one more gets 503 |
| bytes that one connection does not read | `HUB_LINK_BUDGET`; then it gets the rest from the log, at its pace |
| file descriptors | the soft limit is raised to the hard one; one line in the log where that is too few |

There is no limit per address. Behind a proxy every connection comes from one address, and behind a carrier's NAT
thousands of honest users do; the address that `X-Forwarded-For` names is worth what the proxy makes of it. A token is
what the hub can tell people apart by, and that has its limit. Handshakes without a good token cost a signature check
each and hold nothing; where they come in numbers that hurt, the proxy is where they end (`limit_req` and `limit_conn`
in nginx).

The memory of the process is not bounded by the hub itself: what it holds is bounded by the rows above, and a limit on
address space would strike wherever the next allocation happens to be. Set one from outside (`MemoryMax=` in systemd),
above `WS_MAX_CONNECTIONS` x 40 KiB + 200 MiB; a hub that is killed loses nothing that was acknowledged.
"""


def read_outcomes(*junit: str) -> dict[str, Outcome]:
    """Return the outcomes in JUnit files, by `file::test` below tests/.

    A test in a class counts for itself (`file::Class::test`) and for the class.
    """
    outcomes: dict[str, Outcome] = {}
    for case in chain.from_iterable(ElementTree.fromstring(text).iter("testcase") for text in junit):
        file = case.attrib["file"].removeprefix("tests/")
        name = case.attrib["name"].partition("[")[0]
        # `tests.log.test_faults.TestDiskFull`: what is behind the module is the class.
        module = case.attrib["file"].removesuffix(".py").replace("/", ".")
        inside = case.attrib["classname"].removeprefix(module).removeprefix(".")
        failed = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        figures = [found.attrib["value"] for found in case.iter("property") if found.attrib["name"] == "figure"]
        for key in [f"{file}::{inside}", f"{file}::{inside}::{name}"] if inside else [f"{file}::{name}"]:
            before = outcomes.get(key, Outcome(0, 0, ()))
            outcomes[key] = Outcome(before.passed + (not failed), before.failed + failed, (*before.figures, *figures))
    return outcomes


def make_page(outcomes: Mapping[str, Outcome], measured: Measured, *, several_nodes: str) -> tuple[str, int]:
    """Return the page, and how many faults the hub survived; `several_nodes` is that room as it was measured last."""
    lines = [
        "# Faults",
        "",
        f"What was broken, what the hub does then, and what was measured. Made by `{measured.command}`; do not edit.",
        "",
        "| | |",
        "|---|---|",
        f"| Date | {measured.date} |",
        f"| Machine | {measured.machine} |",
        f"| Versions | {measured.versions} |",
        "",
    ]
    held = 0
    for room, faults in ROOMS.items():
        rows, survived = _make_rows(outcomes, faults)
        lines += [f"## {room}", "", *rows, ""]
        held += survived
    return "\n".join(lines) + f"\n{several_nodes}{_SIMULATION}{_FLOODS}", held


def make_room(outcomes: Mapping[str, Outcome], measured: Measured, note: str = "") -> tuple[str, int]:
    """Return the room of several nodes, and how many of its faults the cluster survived; `note` is put above them."""
    rows, held = _make_rows(outcomes, CLUSTER_FAULTS)
    lines = [
        f"## {SEVERAL_NODES}",
        "",
        "Three NATS servers, three hubs and a proxy, each a process, on one machine; the loss checker",
        f"([tests/cluster](../../tests/cluster/checker.py)) publishes and listens at all of them. Made by "
        f"`{measured.command}` on {measured.date}: {measured.machine}; {measured.versions}.",
        *([note] if note else []),
        "",
        *rows,
        "",
    ]
    return "\n".join(lines) + "\n", held


def read_room(page: str) -> str:
    """Return the room of several nodes as it stands in a page; nothing where there is none."""
    _, begin, rest = page.partition(f"## {SEVERAL_NODES}\n")
    return begin + rest.partition("## ")[0] if begin else ""


def put_room(page: str, room: str) -> str:
    """Return the page with this room of several nodes."""
    before = read_room(page)
    if before:
        return page.replace(before, room)
    begin, heading, rest = page.partition(_SIMULATION.partition("\n")[0])
    return f"{begin}{room}{heading}{rest}"


def _make_rows(outcomes: Mapping[str, Outcome], faults: Sequence[Fault]) -> tuple[list[str], int]:
    lines, held = ["| Fault | The hub | Measured | Test |", "|---|---|---|---|"], 0
    for fault in faults:
        found = [outcomes[test] for test in fault.tests if test in outcomes]
        passed, failed = sum(one.passed for one in found), sum(one.failed for one in found)
        survived = passed > 0 and not failed
        held += survived
        cases = passed + failed
        verdict = f"{passed} passed" if survived else f"**{failed} of {cases} failed**"
        measured = "<br>".join([*(figure for one in found for figure in one.figures), verdict])
        files = sorted({test.partition("::")[0] for test in fault.tests})
        tests = "<br>".join(f"[{file}](../../tests/{file})" for file in files)
        lines.append(f"| {fault.title} | {fault.answer} | {measured} | {tests} |")
    return lines, held
