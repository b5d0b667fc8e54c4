"""The loss checker's publisher: a steady rate over any of several nodes, each notification until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from random import Random

from tests.cluster.ledger import Acknowledged, Ledger, User, read_cursor
from tests.cluster.poster import Poster

__all__ = ["LAST", "Addressed", "Refused", "Sender"]

#: What names the receivers in a request, and who they are.
Addressed = tuple[dict[str, object], frozenset[User]]

REQUEST_DEADLINE_S = 20.0
#: One notification may take so long, over all its attempts.
DEADLINE_S = 90.0
#: Publishes that wait at once; the rate is not kept while more would.
MAX_WAITING = 400
#: Title of the notification after which no further one comes.
LAST = "the last one"


class Refused(Exception):
    """A publish was refused for good; the text says how."""


class Sender:
    """Publishes with an idempotency key each, at whichever node, and writes into the ledger what was acknowledged."""

    def __init__(self, urls: list[str], service_key: str, users: list[User], ledger: Ledger, random: Random) -> None:
        self._urls = urls
        self._service_key = service_key
        self._users = users
        self._everybody = frozenset(users)
        self._ledger = ledger
        self._random = random
        self._http = Poster(deadline_s=REQUEST_DEADLINE_S, headers={"authorization": f"Bearer {service_key}"})
        self._serial = 0
        self._run = f"{random.getrandbits(32):08x}"
        #: Responses that were no receipt, by status; 0: none came.
        self.refusals: Counter[int] = Counter()
        #: From the first attempt to the receipt, of each notification.
        self.waits_s: list[float] = []
        #: The longest time in which nothing was acknowledged.
        self.longest_silence_s = 0.0
        #: From the first notification to the receipt of the last one.
        self.lasted_s = 0.0
        self._last_receipt_s: float | None = None

    async def run(self, rate_per_s: float, stop: asyncio.Event) -> None:
        """Publish at this rate until `stop`, and until each that was begun is acknowledged."""
        slots = asyncio.Semaphore(MAX_WAITING)
        began_s = due_s = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                await slots.acquire()
                task = tasks.create_task(self._publish_one())
                task.add_done_callback(lambda _: slots.release())
                due_s = max(due_s + 1 / rate_per_s, time.monotonic() - 1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, due_s - time.monotonic())):
                        await stop.wait()
        self.lasted_s = time.monotonic() - began_s

    async def finish(self) -> None:
        """Publish the last one, to everyone, and close."""
        for title, target, audience in self.choose_last():
            await self._publish(title, f"{self._run}-{title}", target, audience)
        self._http.close()

    def choose_target(self) -> Addressed:
        """Return whom the next one is for: what names them in a request, and who they are."""
        user = self._random.choice(self._users)
        kind = self._random.random()
        if kind < 0.5:
            return {"account_id": user.account_id, "user_id": user.user_id}, frozenset([user])
        if kind < 0.9:
            together = frozenset(each for each in self._users if each.account_id == user.account_id)
            return {"account_id": user.account_id}, together
        return {"everyone": True}, self._everybody

    def choose_last(self) -> list[tuple[str, dict[str, object], frozenset[User]]]:
        """Return what tells every listener that no more comes: titles that begin with `LAST`."""
        return [(LAST, {"everyone": True}, self._everybody)]

    async def post(self, http: Poster, url: str, title: str, key: str, target: dict[str, object]) -> Acknowledged | int:
        """Publish once; return the receipt, or the status of a response that is none.

        Raises:
            Refused: another attempt would end alike.
        """
        body = {"type": "stock_alert", "title": title, "message": "m", **target}
        response = await http.post(f"{url}/api/internal/notify", json=body, headers={"idempotency-key": key})
        if response.status_code == 202:
            receipt = response.json()
            return Acknowledged(receipt["id"], read_cursor(receipt["cursor"]))
        if response.status_code not in {409, 502, 503, 504}:
            self.refusals[response.status_code] += 1
            raise Refused(f"{response.status_code} {response.text}")
        return response.status_code

    async def _publish_one(self) -> None:
        self._serial += 1
        title = f"{self._run}-{self._serial}"
        target, audience = self.choose_target()
        manner = self._random.random()
        if manner < 0.05:  # the same key at several nodes at once
            await asyncio.gather(*(self._publish(title, title, target, audience) for _ in range(3)))
        else:
            await self._publish(title, title, target, audience)
            if manner < 0.15:  # a service that lost the receipt asks again, mostly at another node
                await self._publish(title, title, target, audience)
                self._ledger.repeats += 1

    async def _publish(self, title: str, key: str, target: dict[str, object], audience: frozenset[User]) -> None:
        self._ledger.audience[title] = audience
        began_s, limit_s = time.monotonic(), 0.1
        while True:
            now_s = time.monotonic()
            if now_s - began_s > DEADLINE_S:
                self._ledger.violations.append(f"refused: {title} was not acknowledged in {DEADLINE_S:.0f} s")
                return
            # Hundreds that wait for a hub must not take the machine from it.
            wait_s = self._random.uniform(0.02, limit_s)
            limit_s = min(1.0, 2 * limit_s)
            url = self._random.choice(self._urls)
            try:
                receipt = await self.post(self._http, url, title, key, target)
            except (OSError, EOFError, TimeoutError):
                self.refusals[0] += 1
            except Refused as error:
                self._ledger.violations.append(f"refused: {title}: {error}")
                return
            else:
                if isinstance(receipt, Acknowledged):
                    self._take(title, receipt, began_s)
                    return
                self.refusals[receipt] += 1
            await asyncio.sleep(wait_s)

    def _take(self, title: str, receipt: Acknowledged, began_s: float) -> None:
        now_s = time.monotonic()
        self._ledger.acknowledge(title, receipt, now_s)
        self.waits_s.append(now_s - began_s)
        if self._last_receipt_s is not None:
            self.longest_silence_s = max(self.longest_silence_s, now_s - self._last_receipt_s)
        self._last_receipt_s = now_s
