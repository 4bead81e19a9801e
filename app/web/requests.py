"""Each request's id, its line in the log and its place in the metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request

from .metrics import Metrics

REQUEST_ID_HEADER = "X-Request-ID"

# What a client may choose as an id: no more than a log line and a header can safely repeat.
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_log = logging.getLogger(__name__)


def install(app: Flask, metrics: Metrics) -> None:
    """Give every request an id, and account for it once it is answered."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        # Not the path: a client could fill the metrics with paths that do not exist.
        route = request.url_rule.rule if request.url_rule else "unmatched"
        response.headers[REQUEST_ID_HEADER] = g.request_id
        metrics.observe(route, response.status_code, seconds)
        # Without the query string, which may hold what must not be logged.
        fields = {
            "method": request.method,
            "path": request.path,
            "route": route,
            "status": response.status_code,
            "bytes": response.calculate_content_length(),
            "duration_ms": round(seconds * 1000, 2),
            "client": request.remote_addr,
            "user_agent": request.user_agent.string,
        }
        _log.info("%s %s %d", request.method, request.path, response.status_code, extra={"fields": fields})
        return response
