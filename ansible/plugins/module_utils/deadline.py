"""A time limit for whatever is asked over a network: the limits of sockets hold for each part of an answer only."""

from __future__ import annotations

import contextlib
import signal
import time
from types import FrameType
from typing import Iterator, Optional


class Expired(Exception):
    """The time is over. No OSError, which libraries take for a broken connection and try the next address."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise :class:`Expired` in whatever the process waits for when ``seconds`` are over; in its main thread only.

    It is an alarm, as Ansible's own limit for a task is in the process of an action plugin; that one goes on
    afterwards.
    """

    def expire(_number: int, _frame: Optional[FrameType]) -> None:
        raise Expired(f"not finished within {seconds:g} s")

    began = time.monotonic()
    left, _interval = signal.setitimer(signal.ITIMER_REAL, 0)
    before = signal.signal(signal.SIGALRM, expire)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001))
