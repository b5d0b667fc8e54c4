"""The test kit's listener, for `hub conformance`: it prints each notification and each gap that it hands over."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import urllib.request

from notification_hub_testing.listener import Listener


def main() -> None:
    """Listen until this process is ended."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def find_token() -> str:
        with urllib.request.urlopen(os.environ["HUB_TOKEN_URL"]) as response:
            token: str = response.read().decode()
            return token

    listener = Listener(loop, lambda: os.environ["HUB_URL"], find_token)
    while True:
        sys.stdout.write(json.dumps(listener.next(timeout_s=600)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
