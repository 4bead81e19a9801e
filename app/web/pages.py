"""What people, and tools that ask for the version, see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask import Blueprint, render_template

from .config import Config


def blueprint(config: Config, clock: Callable[[], float]) -> Blueprint:
    """The routes ``/`` and ``/version``.

    :param clock: the time in seconds; the uptime counts from this call.
    """
    routes = Blueprint("pages", __name__)
    started = clock()

    @routes.get("/")
    def index() -> str:
        uptime = timedelta(seconds=int(clock() - started))
        return render_template("index.html", release=config, uptime=uptime)

    @routes.get("/version")
    def version() -> dict[str, str]:
        return {"version": config.version, "commit": config.commit, "environment": config.environment}

    return routes
