"""The application that Slipway ships: replace it with your own. See ``create_app``."""

from __future__ import annotations

from flask import Flask

from web import faults, health, logs, metrics, pages
from web.config import Config


def create_app(config: Config | None = None) -> Flask:
    """The WSGI application.

    :param config: settings; read from the environment when left out.
    :raises ConfigError: a setting that is not understood.
    """
    settings = config or Config.from_environment()
    app = Flask(__name__)
    app.config["SETTINGS"] = settings
    logs.install(app)
    metrics.install(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(pages.blueprint)
    faults.install(app, settings)
    return app
