"""Is it alive, is it ready, and which version is it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from web import faults
from web.config import Config

blueprint = Blueprint("health", __name__)

# Add what your application needs to be ready: a name, and a function that tells whether it is well.
CHECKS: dict[str, Callable[[Config], bool]] = {"application": faults.healthy}

_draining = False


def drain() -> None:
    """From now on the application is not ready: it is about to stop."""
    global _draining  # noqa: PLW0603
    _draining = True


def _settings() -> Config:
    settings: Config = current_app.config["SETTINGS"]
    return settings


def identity(settings: Config) -> dict[str, Any]:
    """Which release this is."""
    return {"version": settings.version, "commit": settings.commit, "environment": settings.environment}


@blueprint.get("/health")
def ready() -> ResponseReturnValue:
    """Readiness: 200 when every check passes, 500 when one fails, 503 while it stops."""
    settings = _settings()
    checks = {name: "ok" if check(settings) else "failing" for name, check in CHECKS.items()}
    status, code = ("ok", 200) if all(outcome == "ok" for outcome in checks.values()) else ("failing", 500)
    if _draining:
        status, code = "draining", 503
    return jsonify(status=status, checks=checks, **identity(settings)), code


@blueprint.get("/health/live")
def live() -> ResponseReturnValue:
    """Liveness: the process answers."""
    return jsonify(status="ok")


@blueprint.get("/version")
def version() -> ResponseReturnValue:
    """Which release answers."""
    return jsonify(identity(_settings()))
