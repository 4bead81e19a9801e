"""Whether the application is alive, and whether it should get traffic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint

from .config import Config

Check = Callable[[], bool]

_log = logging.getLogger(__name__)


class Readiness:
    """Named checks that all have to pass before the application gets traffic.

    One is always there: ``ready`` is false once the server has been told to stop. Add your own, such as whether
    the database answers, in :func:`web.create_app`; a check has to be quick, for it runs with every probe.
    """

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {"ready": lambda: True}

    def add(self, name: str, check: Check) -> None:
        """Add a check, or put another in its place."""
        self._checks[name] = check

    def stopping(self) -> bool:
        """Whether the server has been told to stop."""
        return not _passes("ready", self._checks["ready"])

    def results(self) -> dict[str, bool]:
        """What each check says now; one that raises has failed."""
        return {name: _passes(name, check) for name, check in self._checks.items()}


def _passes(name: str, check: Check) -> bool:
    try:
        return check()
    except Exception:
        _log.exception("The health check %r raised an error.", name)
        return False


def blueprint(config: Config, readiness: Readiness) -> Blueprint:
    """The routes ``/health`` (readiness) and ``/health/live`` (liveness)."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def ready() -> tuple[dict[str, Any], HTTPStatus]:
        checks = readiness.results()
        body = {
            "status": "ok" if all(checks.values()) else "failing",
            "version": config.version,
            "commit": config.commit,
            "environment": config.environment,
            "checks": checks,
        }
        return body, _status(checks)

    @routes.get("/health/live")
    def live() -> dict[str, str]:
        return {"status": "ok"}

    return routes


def _status(checks: Mapping[str, bool]) -> HTTPStatus:
    """200, or 503 for a server that is stopping as it was told, or 500 for one that is broken."""
    if all(checks.values()):
        return HTTPStatus.OK
    return HTTPStatus.INTERNAL_SERVER_ERROR if checks["ready"] else HTTPStatus.SERVICE_UNAVAILABLE
