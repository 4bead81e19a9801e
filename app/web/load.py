"""What load tests ask for where APP_LOAD_PATHS is on: an answer that takes its time, and one that comes in pieces."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, abort, make_response, request

from .config import Config

MAX_SECONDS = 60
LINE_SECONDS = 0.2


def blueprint(config: Config) -> Blueprint:
    """The routes ``/slow`` and ``/stream``; both take the seconds as ``s``, and answer 400 if it cannot be used."""
    routes = Blueprint("load", __name__)

    @routes.get("/slow")
    def slow() -> dict[str, Any]:
        seconds = _seconds()
        time.sleep(seconds)
        return {"version": config.version, "seconds": seconds}

    @routes.get("/stream")
    def stream() -> Response:
        return Response(_lines(config.version, _seconds()), mimetype="application/x-ndjson")

    return routes


def _seconds() -> float:
    text = request.args.get("s", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_SECONDS:
        sentence = f"s is {text!r}: set it to a number of seconds from 0 to {MAX_SECONDS}."
        abort(make_response({"error": sentence}, HTTPStatus.BAD_REQUEST))
    return seconds


def _lines(version: str, seconds: float) -> Iterator[str]:
    """A line of JSON every :data:`LINE_SECONDS`, and one with ``done`` at the end: without it, the stream was cut."""
    started = time.monotonic()
    for number in itertools.count():
        due = min(number * LINE_SECONDS, seconds)
        time.sleep(max(0.0, started + due - time.monotonic()))
        if due == seconds:
            yield json.dumps({"done": True, "version": version, "lines": number}) + "\n"
            return
        yield json.dumps({"version": version, "line": number + 1}) + "\n"
