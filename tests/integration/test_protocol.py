"""An application that speaks HTTP/2 alone is shipped as any other, and moves to one of HTTP/1.1 and back."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.prober import Prober, summary
from tests import h2_releases
from tests.h2_client import Client
from tests.integration.application import Application
from tests.integration.conftest import QUICK
from tests.integration.target import Target

PORT = 8097


@pytest.fixture
def calls(target: Target, image: str) -> Iterator[Application]:
    """It serves on a port of its own."""
    variables = {
        "release_image": h2_releases.ensure(target.lab, f"{image}:1.0.1"),
        **QUICK,
        "deploy_protocol": "h2",
        "deploy_port": PORT,
        "deploy_public_url": f"http://{target.address}:{PORT}",
    }
    made = Application(f"g{secrets.token_hex(3)}", target, variables, target.address, {"staging": PORT})
    yield made
    target.forget(made.name)


@contextmanager
def called(address: str) -> Iterator[list[str]]:
    """Calls of gRPC one after the other, each on a connection of its own; yields what was wrong with each."""
    found: list[str] = []
    over = threading.Event()

    def call() -> None:
        # No more often than one client may open connections.
        while not over.wait(0.02):
            try:
                with Client(PORT, address=address) as client:
                    begun = client.call("/echo.Echo/Talk")
                    begun.send(b"one", last=True)
                    good = begun.whole().trailers.get("grpc-status") == "0" and begun.content == b"one"
                found.append("" if good else f"{begun.headers} {begun.content!r} {begun.trailers}")
            except (OSError, AssertionError) as error:
                found.append(str(error) or type(error).__name__)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def test_an_application_that_speaks_http_2_alone_is_shipped_as_any_other(calls: Application, image: str) -> None:
    first = calls.run("deploy", env="staging", version="1.0.1")
    assert first.code == 0, first.output
    assert calls.answer("staging")["version"] == "1.0.1"
    with Prober(calls.url("staging", "/version"), ["1.0.1", "1.0.2", "1.0.4"]) as prober:
        with called(calls.address) as became:
            upgrade = calls.run("deploy", env="staging", version="1.0.2")
            assert upgrade.code == 0, upgrade.output
            assert calls.answer("staging")["version"] == "1.0.2"
            failed = calls.run("deploy", env="staging", version="1.0.3", deploy_health_deadline=2)
            assert failed.code != 0
            assert "status 503" in failed.output, failed.output
            status = calls.run("status")
            assert status.code == 0, status.output
        assert became
        assert set(became) == {""}, became
        other = {"release_image": image, "deploy_protocol": "http1"}
        moved = calls.run("deploy", env="staging", version="1.0.4", **other)
        assert moved.code == 0, moved.output
        assert calls.answer("staging")["version"] == "1.0.4"
        # Today's setting is that of the release that is gone back on.
        back = calls.run("rollback", env="staging", **other)
        assert back.code == 0, back.output
        assert calls.answer("staging")["version"] == "1.0.2"
    assert [answer for answer in prober.answers() if answer.trouble] == [], summary(prober.answers())
