"""Prometheus metrics. One worker process serves with threads, so one registry in memory is the whole truth."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest


def install(app: Flask) -> None:
    """Count and time every request by route, and serve ``/metrics``."""
    registry = CollectorRegistry()
    requests = Counter("http_requests", "Requests answered.", ["method", "route", "status"], registry=registry)
    seconds = Histogram("http_request_duration_seconds", "Time to answer.", ["route"], registry=registry)
    settings = app.config["SETTINGS"]
    build = Gauge("app_build_info", "The release, as labels.", ["version", "commit"], registry=registry)
    build.labels(settings.version, settings.commit).set(1)

    @app.before_request
    def begin() -> None:
        g.metrics_began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        requests.labels(request.method, route, str(response.status_code)).inc()
        seconds.labels(route).observe(time.perf_counter() - g.metrics_began)
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
