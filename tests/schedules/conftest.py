"""The figures of the schedules go where those of the fault runs go: to the end of the test run's report."""

from tests.faults.conftest import figures

__all__ = ["figures"]
