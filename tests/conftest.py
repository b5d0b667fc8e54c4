"""What every test shares: the loop the hub runs on, how Hypothesis runs here, and what a run reports at its end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import pytest
import uvloop
from hypothesis import settings

if TYPE_CHECKING:
    from coverage import Coverage

_COVERAGE = pytest.StashKey[list[str]]()
_FIGURES = pytest.StashKey[list[str]]()

# Hypothesis's own deadline measures the machine, not the hub: on two shared cores it fails at random.
settings.register_profile("hub", deadline=None, print_blob=True)
settings.load_profile("hub")

# A shell that runs something in the background has SIGINT ignored in it. The commands that the tests start would
# inherit that, and Ctrl-C would end none of them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on the loop that the hub runs on: what links write to are its transports."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines for the end of the test run's report, and for the page that `make faults` writes."""
    lines: list[str] = []
    yield lines
    request.config.stash.setdefault(_FIGURES, []).extend(lines)
    # These reach the page through the JUnit file.
    request.node.user_properties.extend(("figure", line) for line in lines)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Measure no coverage of a mutant, which is another text than the file's, and slow enough."""
    measured = _measurement() if item.get_closest_marker("mutant") else None
    if measured is not None:
        measured.stop()
    try:
        yield
    finally:
        if measured is not None:
            measured.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note in a report that its test is about a mutant: a worker of pytest-xdist hands reports on, and no markers."""
    report = yield
    if report.when == "call" and item.get_closest_marker("mutant"):
        report.user_properties.append(("mutant", item.name))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the measurement of coverage, and fail where too little of the hub was run."""
    if _measurement() is not None:
        from tests import coverage_floors

        session.config.stash[_COVERAGE] = coverage_floors.report(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured, how many mutants were noticed, and how much of the hub was run."""
    for line in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(line)
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    mutants = [report for report in reports if isinstance(report, pytest.TestReport) and _is_about_a_mutant(report)]
    if mutants:
        noticed = sum(report.passed for report in mutants)
        terminalreporter.write_line(f"mutants: {noticed} of {len(mutants)} noticed")
    for line in config.stash.get(_COVERAGE, []):
        terminalreporter.write_line(line)


def _measurement() -> Coverage | None:
    # Without `coverage run` nothing of coverage is loaded, and nothing of it is needed.
    module = sys.modules.get("coverage")
    measured: Coverage | None = module.Coverage.current() if module is not None else None
    return measured


def _is_about_a_mutant(report: pytest.TestReport) -> bool:
    return report.when == "call" and any(name == "mutant" for name, _ in report.user_properties)
