"""Sends the load: all kinds of requests at once, each at its pace, however slow the answers are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.clients import Ask, Clients, Exchange, trouble
from bench.outcomes import CONNECTION, KEEPALIVE, SLOW, STREAM, WEBSOCKET, Outcome

FAST_TIMEOUT = 10.0
SLOW_TIMEOUT = 20.0
GRACE_SECONDS = 10.0
RETRY_SECONDS = 0.2


@dataclass(frozen=True)
class Plan:
    """What is sent.

    :param rate: fast requests per second, of which every second one has a connection of its own.
    :param slow: requests with an answer that takes ``slow_seconds``, always in flight.
    :param websockets: open at any time, each for ``websocket_seconds``.
    :param streams: answers of ``stream_seconds``, always in flight.
    """

    rate: float = 200.0
    slow: int = 5
    websockets: int = 2
    streams: int = 1
    slow_seconds: float = 5.0
    websocket_seconds: float = 8.0
    stream_seconds: float = 8.0

    @property
    def first_kinds(self) -> set[str]:
        """The kinds that have an answer soon after the start."""
        wanted = {KEEPALIVE: self.rate, CONNECTION: self.rate, WEBSOCKET: self.websockets, STREAM: self.streams}
        return {kind for kind, number in wanted.items() if number}


class Generator:
    """Sends what a plan says, from ``run`` until ``stop``.

    :param report: gets every outcome as soon as it is known.
    :param ready: called once, when every kind of request has been answered, except the slow ones.
    """

    def __init__(
        self, url: str, plan: Plan, report: Callable[[Outcome], None], ready: Callable[[], None] = lambda: None
    ) -> None:
        self._url, self._plan, self._report, self._ready = url, plan, report, ready
        self._awaited = plan.first_kinds
        self._stopped = asyncio.Event()
        self._limits: set[asyncio.Timeout] = set()

    def stop(self) -> None:
        """Send nothing more, and give what is in flight GRACE_SECONDS at most."""
        latest = asyncio.get_running_loop().time() + GRACE_SECONDS
        for limit in [limit for limit in self._limits if not limit.expired()]:
            limit.reschedule(min(limit.when() or latest, latest))
        self._stopped.set()

    async def run(self) -> None:
        """Send until ``stop`` is called and what was in flight is over."""
        plan, clients = self._plan, Clients(self._url)
        if not self._awaited:
            self._ready()
        talk = clients.websocket(plan.websocket_seconds, self._stopped.is_set)
        try:
            async with asyncio.TaskGroup() as group:
                if plan.rate:
                    group.create_task(self._pace(group, clients))
                for ask, number, kind, seconds in (
                    (clients.slow(plan.slow_seconds), plan.slow, SLOW, plan.slow_seconds),
                    (talk, plan.websockets, WEBSOCKET, plan.websocket_seconds),
                    (clients.stream(plan.stream_seconds), plan.streams, STREAM, plan.stream_seconds),
                ):
                    for position in range(number):
                        group.create_task(self._repeat(kind, ask, seconds * position / number))
        finally:
            await clients.close()

    async def _pace(self, group: asyncio.TaskGroup, clients: Clients) -> None:
        due, kept = time.monotonic(), True
        while not self._stopped.is_set():
            # With all persistent connections busy another one must do, as waiting for them would slow the pace.
            if kept and clients.idle:
                group.create_task(self._take(KEEPALIVE, clients.on_kept_connection, FAST_TIMEOUT))
            else:
                group.create_task(self._take(CONNECTION, clients.on_own_connection, FAST_TIMEOUT))
            kept = not kept
            due += 1 / self._plan.rate
            await asyncio.sleep(due - time.monotonic())

    async def _repeat(self, kind: str, ask: Ask, delay: float) -> None:
        limit = SLOW_TIMEOUT + (self._plan.websocket_seconds if kind == WEBSOCKET else 0)
        await self._pause(delay)
        while not self._stopped.is_set():
            if not await self._take(kind, ask, limit):
                await self._pause(RETRY_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            pass

    async def _take(self, kind: str, ask: Ask, seconds: float) -> bool:
        if self._stopped.is_set():  # since this task was made
            return True
        exchange = Exchange(lambda: self._answered(kind))
        sent, began, failure = time.time(), time.monotonic(), ""
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._limits.add(limit)
                await ask(exchange)
        except Exception as error:
            failure = trouble(error)
        finally:
            self._limits.discard(limit)
        self._report(Outcome(sent, time.monotonic() - began, kind, exchange.version, failure))
        return not failure

    def _answered(self, kind: str) -> None:
        if kind in self._awaited:
            self._awaited.discard(kind)
            if not self._awaited:
                self._ready()
