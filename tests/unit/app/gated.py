"""The application with one more page, which answers once the test lets it."""

import logging
import os
from pathlib import Path

import web
from flask import Flask


def create_app() -> Flask:
    app = web.create_app()

    @app.get("/gated")
    def gated() -> str:
        logging.getLogger("gated").info("waiting at the gate")
        # A FIFO: reading waits until the test has written to it.
        return Path(os.environ["GATE"]).read_text()

    return app
