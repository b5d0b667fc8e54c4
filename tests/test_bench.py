"""The benchmark's own words: what it reads from the load tool, and what it makes of the figures. Nothing is timed."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from bench import cells
from bench.__main__ import main as measure_alone
from bench.centrifugo_protocol import Conversation, write_cursor
from bench.cluster_page import REMARKS as CLUSTER_REMARKS
from bench.cluster_page import make_cluster_page, make_goals
from bench.figure import Budget, Figure, Figures
from bench.load import parse_load
from bench.notice import ACCOUNT, batch_body, delivered_text, publish_body
from bench.plan import CLUSTER_PARTS, PARTS, choose_parts
from bench.plot import plot_bars, plot_lines
from bench.remarks import Remark, write_remarks
from bench.report import align_table, make_page, make_plots, make_table
from bench.running import Address
from contracts.request import BatchRequest, PublishRequest

ROOT = Path(__file__).parents[1]
LINE = (
    '{"label":"hub","connections":10,"refused":0,"ended":1,"connect_s":0.1,"connect_cpu_us":400.0,'
    '"rss_kib_per_connection":20.0,"rss_end_mib":90.0,"hold_cpu_s":0.5,"published":5,"publish_errors":0,'
    '"publish_s":2.5,"delivered":48,"expected":50,"cpu_s":0.00048,"delivery_p50_ms":1.0,"delivery_p99_ms":2.0,'
    '"last_count":5,"last_p50_ms":1.0,"last_p90_ms":2.0,"last_p99_ms":3.0,"last_max_ms":4.0}\n'
)


#: What fills the page's places where a test does not look.
ANY_WORDS: defaultdict[str, int] = defaultdict(int)


def make_figures() -> Figures:
    """Return figures of three rounds with two contestants and a gap."""
    figures = Figures()
    row = figures.row("cost", "us", Budget(1.6, "C floor"), Budget(5.0))
    for hub, floor in ((8.0, 4.0), (9.0, 3.0), (6.0, 4.0)):
        row.add("hub", hub)
        row.add("C floor", floor)
    figures.row("rate", "/s", Budget(3_000, at_least=True)).add("hub", 12_345.6)
    figures.curves = {"ws": {"hub": [(10, 40.0), (1_000, 8.0), (1_000, 10.0)], "C floor": [(10, 6.0), (1_000, 4.0)]}}
    figures.latencies = {"ws": {"hub": [(5.0, 7.0, 9.0, 12.0)]}}
    figures.personal = {"ws": {"hub": [(500.0, 0.7, 2.0), (520.0, 0.8, 3.0)]}}
    return figures


class TestLoad:
    """A line of the load tool."""

    def test_derives_what_the_table_shows(self) -> None:
        """Costs are per delivery and per publish, rates per second of publishing."""
        load = parse_load(LINE)
        assert pytest.approx(10.0) == load.delivery_cpu_us
        assert pytest.approx(96.0) == load.publish_cpu_us
        assert pytest.approx(2.0) == load.publishes_per_s

    def test_names_its_flaws(self) -> None:
        """Connections that ended and deliveries that never came are said."""
        assert ["1 connections ended", "2 deliveries missing"] == parse_load(LINE).flaws

    def test_refuses_another_line(self) -> None:
        """What is no result is never read as one."""
        with pytest.raises(msgspec.ValidationError):
            parse_load('{"label":"hub"}')


class TestParts:
    """What `BENCH_ONLY` asks of the two programs of `make bench`."""

    @pytest.mark.parametrize(
        ("asked", "alone", "cluster"),
        [
            ("", set(PARTS), set(CLUSTER_PARTS)),
            ("idle", {"idle"}, set()),
            ("cluster", set(), set(CLUSTER_PARTS)),
            ("idle,faults", {"idle"}, {"faults"}),
        ],
    )
    def test_each_program_takes_its_own(self, asked: str, alone: set[str], cluster: set[str]) -> None:
        """A program has nothing to do where only the other's parts are asked for."""
        assert (alone, cluster) == (choose_parts(asked, PARTS), choose_parts(asked, CLUSTER_PARTS))

    def test_names_what_is_not_there(self) -> None:
        """A misspelt part is said, where a run without it would look like one that measured."""
        with pytest.raises(ValueError, match="there is no idling"):
            choose_parts("idling,faults", PARTS)

    def test_a_program_without_parts_succeeds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`BENCH_ONLY=cluster make bench` goes on to the cluster."""
        monkeypatch.setenv("BENCH_ONLY", "cluster")
        assert 0 == measure_alone()


class TestNotice:
    """What is published."""

    def test_is_what_the_hub_accepts(self) -> None:
        """One notification and a batch decode as the hub's own requests."""
        target: dict[str, object] = {"account_id": ACCOUNT}
        one = publish_body(target).replace(b"@TS@", b"1")
        assert ACCOUNT == msgspec.json.decode(one, type=PublishRequest).account_id
        batch = batch_body([target] * 3).replace(b"@TS@", b"1")
        assert 3 == len(msgspec.json.decode(batch, type=BatchRequest).notifications)

    def test_carries_the_time_for_the_peers_too(self) -> None:
        """What the others deliver is JSON with the same time in it."""
        assert 7 == msgspec.json.decode(delivered_text().replace(b"@TS@", b"7"))["data"]["ts"]


class TestAddress:
    """Where a contestant is published to."""

    def test_names_one_user(self) -> None:
        """The mark of a user is replaced in path and body, and the time's mark is left to the load tool."""
        address = Address("/n?id=@USER@", b'{"u":"@USER@","ts":@TS@}', ("K: V",))
        assert Address("/n?id=00000000007", b'{"u":"00000000007","ts":@TS@}', ("K: V",)) == address.to(7)


class TestFigure:
    """Medians, ratios and budgets."""

    def test_ratio_is_within_rounds(self) -> None:
        """The ratio is the median of each round's own ratio, not the ratio of the medians."""
        figure = make_figures().rows[0]
        assert 8.0 == figure.median("hub")
        assert 2.0 == figure.ratio("C floor")

    @pytest.mark.parametrize(
        ("budget", "held"),
        [
            (Budget(8.0), True),
            (Budget(7.9), False),
            (Budget(2.0, "C floor"), True),
            (Budget(1.9, "C floor"), False),
            (Budget(8.0, at_least=True), True),
            (Budget(8.1, at_least=True), False),
            (Budget(1.0, "nchan"), None),
        ],
    )
    def test_budget(self, budget: Budget, held: bool | None) -> None:
        """A budget holds at its bound, fails beyond it, and is unknown without a measurement."""
        assert held is make_figures().rows[0].holds(budget)

    def test_absent_contestant(self) -> None:
        """Who took no part has neither a median nor a ratio."""
        figure = Figure(title="x", unit="us", rounds={"hub": [1.0]})
        assert (None, None) == (figure.median("nchan"), figure.ratio("nchan"))


class TestReport:
    """The table, the page and the plots."""

    def test_table(self) -> None:
        """Each row has a cell for each column, and each budget its verdict."""
        rows = make_table(make_figures(), ["hub", "C floor", "nchan"])
        assert ["What", "unit", "hub", "C floor", "nchan", "hub / C floor", "hub / nchan", "goal", "met"] == rows[0]
        assert ["cost", "us", "8.00", "4.00", "", "2.00", "", "≤ 1.6 × C floor, ≤ 5", "NO, NO"] == rows[1]
        assert ["rate", "/s", "12,346", "", "", "", "", "≥ 3,000", "yes"] == rows[2]

    def test_lines_up(self) -> None:
        """Every line of the aligned table has the same width and the same number of bars."""
        lines = align_table(make_table(make_figures(), ["hub", "C floor"])).splitlines()
        assert 1 == len({len(line) for line in lines})
        assert 1 == len({line.count("|") for line in lines})

    def test_page_says_what_went_wrong(self, tmp_path: Path) -> None:
        """Trouble, machine and plots stand on the page."""
        figures = make_figures()
        figures.trouble.append("nchan takes no part: there is none")
        words = ("command", "date", "machine", "load_average", "run", "versions", "server_core", "load_core")
        about: dict[str, object] = dict.fromkeys(words, "so")
        plots = make_plots(figures, ["hub", "C floor"], tmp_path)
        sizes = {"connect_connections": 500, "in_flight": 64, "personal_connections": 1_000}
        page = make_page(figures, ["hub"], about | sizes, plots)
        assert "nchan takes no part" in page
        assert all(f"![{name}]({name})" in page and (tmp_path / name).exists() for name in plots)
        kinds = ("fan-out", "latency", "personal-cost", "personal-latency")
        assert [f"benchmarks-{kind}-ws.svg" for kind in kinds] == plots

    def test_page_says_what_a_response_means(self) -> None:
        """For each that took part, the page says whether a notification is on disk when the server responds."""
        said = make_page(Figures(), ["hub", "nchan"], ANY_WORDS, [])
        assert re.search(r"^\| hub .* is on disk", said, re.MULTILINE)
        assert re.search(r"^\| nchan .* no `fsync`", said, re.MULTILINE)
        assert not re.search(r"^\| Centrifugo ", said, re.MULTILINE)

    def test_a_goal_that_is_not_met_has_a_paragraph(self) -> None:
        """Each row that misses its goal is named with what was tried, or with the fact that nothing is known."""
        figures = make_figures()
        assert "**cost.** Nothing is known yet" in write_remarks(figures.rows, ())
        assert "**cost.** tried in vain" in write_remarks(figures.rows, (Remark("^co", "tried in vain"),))
        assert "rate" not in write_remarks(figures.rows)
        assert "" == write_remarks(figures.rows[1:])

    def test_the_page_can_be_written_again(self, tmp_path: Path) -> None:
        """Figures that were kept make the same page as those that were measured."""
        figures = make_figures()
        figures.save(tmp_path / "kept.json", {"date": "today"}, ["hub", "C floor"])
        again, about, names = Figures.load(tmp_path / "kept.json")
        assert ({"date": "today"}, ["hub", "C floor"]) == (about, names)
        (tmp_path / "first").mkdir()
        (tmp_path / "second").mkdir()
        assert make_plots(figures, names, tmp_path / "first") == make_plots(again, names, tmp_path / "second")
        assert make_page(figures, names, ANY_WORDS, []) == make_page(again, names, ANY_WORDS, [])

    def test_plots_are_svg(self) -> None:
        """Lines and bars are well-formed, with one line a contestant and one bar a value."""
        lines = plot_lines("a < b", "x", "y", {"hub": [(10, 40.0), (1_000, 8.0)]}, ["hub"])
        bars = plot_bars("t", "ms", ["p50", "p99"], {"hub": [1.0, 2.0], "<peer>": [0.0, 4.5]})
        name = "{http://www.w3.org/2000/svg}"
        # Both were made a line above; nothing foreign is parsed.
        assert 1 == len(ElementTree.fromstring(lines).findall(f"{name}polyline"))
        assert 4 == len([rect for rect in ElementTree.fromstring(bars).iter(f"{name}rect") if len(rect)])


class TestCells:
    """The calculation for many cells."""

    def test_the_page_has_its_result(self) -> None:
        """The tables of the page on scale are what the command prints."""
        page = (ROOT / "docs/operations/scale.md").read_text()
        assert "\n".join(cells.make_report(cells.Costs(), cells.Load())) in page

    def test_every_cost_says_where_it_is_from(self) -> None:
        """Each input has its source and its name in the table."""
        assert set(cells.Costs._fields) == set(cells.SOURCES)

    def test_more_of_anything_needs_more(self) -> None:
        """Twice the connections need twice the nodes, and twice the records twice of the mirror."""
        costs, load = cells.Costs(), cells.Load(spare_nodes=0)
        one, two = (cells.plan_cell(costs, load._replace(connections=many)) for many in (10**6, 2 * 10**6))
        assert (2 * one.nodes, 2 * one.records_per_s) == (two.nodes, two.records_per_s)
        assert two.parts["mirror"] == pytest.approx(2 * one.parts["mirror"])

    def test_a_storm_takes_as_long_as_its_connects(self) -> None:
        """All are back, not sooner than the nodes can admit them, and not before they come."""
        costs, load = cells.Costs(), cells.Load()
        storm = cells.simulate_storm(costs, load, 5_000, 2, window_s=1.0)
        assert storm.last_s >= 5_000 / 2 * costs.connect_s / load.busy_cores
        assert storm.attempts >= 1
        calm = cells.simulate_storm(costs, load, 100, 2, window_s=60.0)
        assert (1, True) == (calm.attempts, calm.last_s <= 60.1)


class TestCentrifugo:
    """What the loss checker makes of Centrifugo's protocol."""

    def test_a_first_connection_begins_where_the_channel_is(self) -> None:
        """It subscribes without a place; what is published then has the place that a publisher was told."""
        talk = Conversation("user:a.b", "token", "")
        assert [{"id": 2, "subscribe": {"channel": "user:a.b"}}] == [json.loads(talk.replies[1])]
        frames = talk.take('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"recoverable":true,"epoch":"x-y","offset":35}}')
        assert [write_cursor("x-y", 35)] == [frame["data"]["cursor"] for frame in frames]
        (frame,) = talk.take('{"push":{"channel":"c","pub":{"data":{"title":"t"},"offset":36}}}')
        assert ("t", "t", "x-y-10") == (frame["title"], frame["id"], frame["cursor"])

    def test_a_return_gets_what_it_missed(self) -> None:
        """It subscribes with its place, and what the server recovers comes as if it had never been away."""
        talk = Conversation("c", "token", "x-3")
        assert {"channel": "c", "recover": True, "epoch": "x", "offset": 3} == json.loads(talk.replies[1])["subscribe"]
        missed = '"publications":[{"data":{"title":"t"},"offset":4}]'
        reply = f'{{"id":2,"subscribe":{{"recovered":true,"epoch":"x","offset":4,{missed}}}}}'
        assert ["x-3", "x-4"] == [frame.get("cursor") or frame["data"]["cursor"] for frame in talk.take(reply)]

    def test_what_the_server_lost_is_a_gap(self) -> None:
        """Where it cannot say what was missed, that is announced, up to where the channel is now."""
        talk = Conversation("c", "token", "x-3")
        frames = list(talk.take('{"id":2,"subscribe":{"recovered":false,"epoch":"z"}}'))
        assert ["connection_established", "gap"] == [frame["type"] for frame in frames]
        assert "z-0" == frames[1]["data"]["cursor"]

    def test_pings_and_ends(self) -> None:
        """A ping is answered, a lost place subscribed again, and an error ends the connection."""
        talk = Conversation("c", "token", "x-3")
        talk.replies.clear()
        assert ["heartbeat"] == [frame["type"] for frame in talk.take("{}")]
        assert [] == list(talk.take('{"push":{"channel":"c","unsubscribe":{"code":2500}}}'))
        assert ["{}", "subscribe"] == [talk.replies[0], *json.loads(talk.replies[1])][::2]
        with pytest.raises(ConnectionError):
            list(talk.take('{"id":3,"error":{"code":103}}'))


class TestClusterPage:
    """The page of the cluster."""

    def test_has_every_goal_and_a_paragraph_for_each_that_is_missed(self) -> None:
        """Each goal is a row with what was measured; one that is not met is explained, and others are not."""
        figures = Figures()
        publish = figures.row("publish, 64 in flight, at one node", "/s", Budget(0.6, "raw client", at_least=True))
        publish.add("hub", 2_000)
        publish.add("raw client", 8_000)
        figures.row("tap and mirror: CPU of a record at another node", "us", Budget(120)).add("hub", 84.5)
        figures.row("not measured", "s", Budget(5))
        goals = make_goals(figures.rows)
        assert [["0.25", "NO"], ["84.50 us", "yes"], ["", "?"]] == [row[2:] for row in goals[1:]]
        page = make_cluster_page(figures, ["hub", "raw client"], ANY_WORDS)
        assert "**publish, 64 in flight, at one node.** The node that takes" in page
        assert "**tap and mirror" not in page

    @pytest.mark.parametrize("remark", CLUSTER_REMARKS, ids=lambda remark: remark.rows)
    def test_each_remark_is_of_a_row(self, remark: Remark) -> None:
        """No paragraph waits for a row that no measurement makes."""
        sources = "".join((ROOT / "bench" / name).read_text() for name in ("hub_cluster.py", "cluster_faults.py"))
        words = [word for word in re.split(r"[^a-z ]+", remark.rows.removeprefix("^publish")) if len(word) > 3]
        assert words
        assert all(word.strip() in sources for word in words)
