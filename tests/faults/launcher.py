"""`python -m tests.faults.launcher`: a hub in a process of its own, for tests that take the process away."""

from __future__ import annotations

import os

from hub.app import HubApp
from hub.journal import configure_logging
from hub.settings import read_settings
from hub.transports.server import HubServer, configure, listen


def main() -> None:
    """Serve until a signal."""
    settings = read_settings(os.environ)
    configure_logging(settings.log_level, json_lines=False)
    app = HubApp(settings)
    HubServer(configure(app, settings), drain=app.drain).run([listen(settings)])


if __name__ == "__main__":
    main()
