"""What the fault runs measured, printed after the tests: a proof without its figures convinces nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines for the end of the test run's report, and for the page that `make faults` writes."""
    lines: list[str] = []
    yield lines
    request.config.stash.setdefault(_FIGURES, []).extend(lines)
    # These reach the page through the JUnit file.
    request.node.user_properties.extend(("figure", line) for line in lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures."""
    for line in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(line)
