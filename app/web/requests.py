"""Each request's id, its line in the log and its place in the metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterator

from flask import Flask, Response, g, request

from .metrics import Metrics

REQUEST_ID_HEADER = "X-Request-ID"

# What a client may choose as an id: no more than a log line and a header can safely repeat.
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_log = logging.getLogger(__name__)


def install(app: Flask, metrics: Metrics) -> None:
    """Give every request an id, and account for it once it is answered: a stream when it has ended, or was cut."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex

    @app.after_request
    def end(response: Response) -> Response:
        response.headers[REQUEST_ID_HEADER] = g.request_id
        # Not the path: a client could fill the metrics with paths that do not exist.
        route = request.url_rule.rule if request.url_rule else "unmatched"
        # Without the query string, which may hold what must not be logged.
        fields = {
            "request_id": g.request_id,
            "method": request.method,
            "path": request.path,
            "route": route,
            "status": response.status_code,
            "client": request.remote_addr,
            "user_agent": request.user_agent.string,
        }
        started = g.started

        def account(sent: int) -> None:
            seconds = time.perf_counter() - started
            metrics.observe(route, response.status_code, seconds)
            fields.update(bytes=sent, duration_ms=round(seconds * 1000, 2))
            message = f"{fields['method']} {fields['path']} {fields['status']}"
            _log.info("%s", message, extra={"fields": fields})

        length = response.content_length
        if length is None and response.is_sequence:
            length = response.calculate_content_length()
        if length is not None:
            account(length)
        else:
            # A stream, which asking werkzeug for the length would read to its end before any of it is sent.
            body = _Counted(response)
            response.response = body
            response.call_on_close(lambda: account(body.sent))
        return response


class _Counted:
    """The body of a stream, whose bytes are counted as they are sent."""

    def __init__(self, response: Response) -> None:
        self.sent = 0
        self._chunks = response.iter_encoded()
        self._close = getattr(response.response, "close", None)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.sent += len(chunk)
            yield chunk

    def close(self) -> None:
        if self._close:
            self._close()
