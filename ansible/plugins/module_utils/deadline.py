"""A time limit for whatever is asked over a network: the limits of sockets hold for each part of an answer only."""

from __future__ import annotations

import threading
from typing import Callable, List, TypeVar

Answer = TypeVar("Answer")


class Expired(Exception):
    """The time is over. No OSError, which libraries take for a broken connection and try the next address."""


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """What ``ask`` returns or raises; :class:`Expired` when it has not after ``seconds``.

    It is asked in a thread, which is left to itself when the time is over: no signal ends the system's search for a
    name, which lasts for minutes when the name servers are silent. The thread keeps no process from ending.
    """
    answers: List[Answer] = []
    failures: List[BaseException] = []

    def work() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # raised again where it is waited for
            failures.append(error)

    worker = threading.Thread(target=work, name="within", daemon=True)
    worker.start()
    worker.join(seconds)
    if failures:
        raise failures[0]
    if answers:
        return answers[0]
    raise Expired(f"not finished within {seconds:g} s")
