"""A small web application to ship: replace it with your own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import faults, health, load, metrics, pages, requests, websocket
from .config import Config


def create_app(config: Config | None = None, clock: Callable[[], float] = time.monotonic) -> Flask:
    """The WSGI application.

    :param config: None to read them from the environment.
    :param clock: the time in seconds, from any starting point.
    :raises ConfigError: a variable of the environment cannot be used.
    """
    config = config or Config.from_environment(os.environ)
    app = Flask(__name__)
    # One proxy is in front, which replaces what clients say of themselves: log and links tell of them, not of it.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1)  # type: ignore[method-assign]

    measured = metrics.Metrics(config)
    requests.install(app, measured)

    readiness = health.Readiness()
    app.extensions["readiness"] = readiness
    faults.install(app, config, readiness, clock)

    app.register_blueprint(pages.blueprint(config, clock))
    if config.load_paths:
        app.register_blueprint(load.blueprint(config))
        app.config["SOCK_SERVER_OPTIONS"] = websocket.OPTIONS
        app.register_blueprint(websocket.blueprint(config, readiness))
    app.register_blueprint(health.blueprint(config, readiness))
    app.register_blueprint(metrics.blueprint(measured))
    return app
