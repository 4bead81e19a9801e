"""Logs as JSON lines on standard output, each with the id of the request it belongs to."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from gunicorn import glogging

REQUEST_ID_CHARACTERS = 64


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, logger, message, request id, and the record's ``fields``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context() and "request_id" in g:
            entry["request_id"] = g.request_id
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure() -> None:
    """Send every log to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class GunicornLogger(glogging.Logger):
    """gunicorn's own messages through the same JSON lines; its access log is left to ``install``."""

    def setup(self, cfg: Any) -> None:
        """Hand everything to the root logger instead of gunicorn's handlers."""
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)


def install(app: Flask) -> None:
    """Give every request an id, the client's own if it sent a sensible one, and log it when it is answered."""
    access = logging.getLogger("app.access")

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if given.isprintable() and 0 < len(given) <= REQUEST_ID_CHARACTERS else uuid.uuid4().hex
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        fields = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "milliseconds": round((time.perf_counter() - g.began) * 1000, 2),
        }
        access.info("request", extra={"fields": fields})
        return response
