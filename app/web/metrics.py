"""Prometheus metrics, kept in this process.

There is one gunicorn worker, with threads, so that ``/metrics`` sees every request. With more workers each would
answer for itself alone: that needs prometheus_client's multiprocess mode and a folder they share.
"""

from __future__ import annotations

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from .config import Config


class Metrics:
    """The metrics of one application."""

    def __init__(self, config: Config) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("http_requests", "Requests answered.", ["route", "status"], registry=self.registry)
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time to answer a request.",
            ["route", "status"],
            registry=self.registry,
        )
        Info("app", "What runs here.", registry=self.registry).info(
            {"version": config.version, "commit": config.commit, "environment": config.environment}
        )
        ProcessCollector(registry=self.registry)

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count a request and the seconds it took."""
        self._requests.labels(route, str(status)).inc()
        self._duration.labels(route, str(status)).observe(seconds)


def blueprint(metrics: Metrics) -> Blueprint:
    """The route ``/metrics``."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def scrape() -> Response:
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)

    return routes
