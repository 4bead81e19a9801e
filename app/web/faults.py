"""The fault switch: a release that is broken on purpose, to try out what a deployment does about it.

``APP_FAULT`` is empty unless a test or a demonstration sets it:

- ``exit``: ends with exit code 1 at start;
- ``unhealthy``: ``/health`` answers 500 from the start;
- ``unhealthy_after``: ``/health`` answers 500 from ``APP_FAULT_SECONDS`` after the start;
- ``broken_root``: healthy, but ``/`` answers 500;
- ``slow_start``: listens only ``APP_FAULT_SECONDS`` after the start;
- ``wrong_port``: listens on the port after the one it was given;
- ``errors``: a share of the requests, ``APP_FAULT_SHARE`` (0 to 1), is answered 500;
- ``errors_after``: the same, from ``APP_FAULT_SECONDS`` after the start;
- ``latency``: each request is answered ``APP_FAULT_SECONDS`` later.

Beside it, ``APP_LOAD_PATHS=on`` lets ``/slow``, ``/stream`` and ``/ws`` answer: whoever asks for them keeps a thread
busy as long as he likes.

The last three leave ``/health`` and what is below it alone. The requests that fail are counted out, not drawn by lot:
with a share of 0.2 every fifth.
"""

from __future__ import annotations

import itertools
import logging
import math
import signal
import sys
import time
from collections.abc import Callable
from http import HTTPStatus

from flask import Flask, request

from .config import Config, Fault
from .health import Readiness

_Answer = tuple[dict[str, str], HTTPStatus]

_log = logging.getLogger(__name__)


def before_listening(config: Config) -> None:
    """Act out the faults that come before the port is open.

    :raises SystemExit: the fault is ``exit``, or SIGTERM came during a slow start.
    """
    if config.fault is Fault.EXIT:
        _log.critical("APP_FAULT is 'exit': this release ends at start.")
        sys.exit(1)
    if config.fault is Fault.SLOW_START:
        # As process 1 of a container it would not feel SIGTERM without a handler of its own.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        _log.warning("APP_FAULT is 'slow_start': listening in %g s.", config.fault_seconds)
        time.sleep(config.fault_seconds)


def listening_port(config: Config) -> int:
    """The port to listen on: the one that was asked for, unless that is the fault."""
    return config.port + 1 if config.fault is Fault.WRONG_PORT else config.port


def install(app: Flask, config: Config, readiness: Readiness, clock: Callable[[], float]) -> None:
    """Act out the faults of an application that listens.

    :param clock: the time in seconds, for the faults that come after a time.
    """
    if config.fault is Fault.UNHEALTHY:
        readiness.add("fault", lambda: False)
    elif config.fault is Fault.UNHEALTHY_AFTER:
        turns_at = clock() + config.fault_seconds
        readiness.add("fault", lambda: clock() < turns_at)
    elif config.fault is Fault.BROKEN_ROOT:
        app.before_request(_break_root)
    elif config.fault is Fault.ERRORS:
        app.before_request(_failing(config, clock, clock()))
    elif config.fault is Fault.ERRORS_AFTER:
        app.before_request(_failing(config, clock, clock() + config.fault_seconds))
    elif config.fault is Fault.LATENCY:
        app.before_request(_delaying(config.fault_seconds))


def _break_root() -> None:
    if request.path == "/":
        raise RuntimeError("APP_FAULT is 'broken_root': the page fails.")


def _failing(config: Config, clock: Callable[[], float], begins_at: float) -> Callable[[], _Answer | None]:
    numbers = itertools.count(1)

    def fail() -> _Answer | None:
        if _asks_for_health() or clock() < begins_at:
            return None
        number = next(numbers)
        if math.floor(number * config.fault_share) == math.floor((number - 1) * config.fault_share):
            return None
        sentence = f"APP_FAULT is '{config.fault}': this request is one of those that fail."
        return {"error": sentence}, HTTPStatus.INTERNAL_SERVER_ERROR

    return fail


def _delaying(seconds: float) -> Callable[[], None]:
    def delay() -> None:
        if not _asks_for_health():
            time.sleep(seconds)

    return delay


def _asks_for_health() -> bool:
    return request.path.startswith("/health")
