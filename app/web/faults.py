"""Broken releases on purpose, so that tests and the demo can ship one. Off unless APP_FAULT says otherwise."""

from __future__ import annotations

import logging
import sys
import time

from flask import Flask, Response, request

from web.config import Config

EXIT_CODE = 3
WRONG_PORT_OFFSET = 1


def before_start(config: Config) -> None:
    """The faults that show before the application serves: exit and slow_start."""
    if config.fault == "exit":
        logging.getLogger("app").error("fault exit: leaving at start")
        sys.exit(EXIT_CODE)
    if config.fault == "slow_start":
        time.sleep(config.fault_seconds)


def port(config: Config, configured: int) -> int:
    """The port to listen on; another one than configured with the fault wrong_port."""
    return configured + WRONG_PORT_OFFSET if config.fault == "wrong_port" else configured


def healthy(config: Config) -> bool:
    """Whether the faults leave the application healthy now."""
    if config.fault == "unhealthy":
        return False
    return not (config.fault == "unhealthy_after" and config.uptime >= config.fault_seconds)


def install(app: Flask, config: Config) -> None:
    """The fault that breaks a page while the health check passes: broken_root."""
    if config.fault != "broken_root":
        return

    @app.before_request
    def break_root() -> Response | None:
        if request.path == "/":
            return Response("broken on purpose\n", status=500, mimetype="text/plain")
        return None
