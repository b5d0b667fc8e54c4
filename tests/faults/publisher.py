"""`python -m tests.faults.publisher PORT`: publish until stdin ends, then say what was stored and how long each took.

A process of its own, so that its clock measures the hub and not the clients beside it. The service key is the first
line of stdin; every tenth notification goes to the account of those clients, the others to one user elsewhere.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import httpx

from tests.harness import ACCOUNT

__all__ = ["main"]

PUBLISHES_PER_S = 50
DEADLINE_S = 120.0
ELSEWHERE = {"account_id": "98765432000110", "user_id": "00000000191"}


def main() -> None:
    """Publish until stdin ends; print `{"clients": [id], "waits_s": [seconds]}`."""
    key = sys.stdin.readline().strip()
    stop = threading.Event()
    threading.Thread(target=stop_at_end, args=(stop,), daemon=True).start()
    clients: list[str] = []
    waits_s: list[float] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{sys.argv[1]}", timeout=DEADLINE_S) as client:
        client.headers["authorization"] = f"Bearer {key}"
        client.get("/health/live")
        say("ready")
        while not stop.wait(1 / PUBLISHES_PER_S):
            to_clients = len(waits_s) % 10 == 0
            target = {"account_id": ACCOUNT} if to_clients else ELSEWHERE
            began_s = time.monotonic()
            answer = client.post(
                "/api/internal/notify", json={"type": "cart_updated", "title": "t", "message": "m", **target}
            )
            waits_s.append(time.monotonic() - began_s)
            if answer.status_code != 202:
                raise SystemExit(f"a publish was answered {answer.status_code}: {answer.text}")
            if to_clients:
                clients.append(answer.json()["id"])
    say(json.dumps({"clients": clients, "waits_s": waits_s}))


def stop_at_end(stop: threading.Event) -> None:
    """Wait for the end of stdin."""
    sys.stdin.read()
    stop.set()


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
