"""Relays as processes, which a test kills and starts again."""

from __future__ import annotations

from pathlib import Path

from tests.faults.process import RestartedProcess

__all__ = ["RelayProcess"]


class RelayProcess(RestartedProcess):
    """One place in which one relay after another runs."""

    def __init__(self, log_path: Path, database_url: str, hub_url: str, key: str, **environ: str) -> None:
        settings = {
            "HUB_RELAY_DATABASE": database_url,
            "HUB_URL": hub_url,
            "HUB_SERVICE_KEY": key,
            "HUB_RELAY_POLL": "0.1",
        }
        super().__init__(log_path, ["hub", "relay"], settings | environ)
