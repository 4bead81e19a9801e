"""What belongs to the front changes with the cut-over, and goes back with it."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.application import Application
from tests.integration.conftest import QUICK
from tests.integration.target import Target

PORT, OTHER_PORT = 8097, 8098


def at(target: Target, port: int) -> dict[str, Any]:
    return {"deploy_port": port, "deploy_public_url": f"http://{target.address}:{port}"}


@pytest.fixture
def fronted(target: Target, image: str) -> Iterator[Application]:
    """An application with a public port of its own, whose staging serves 1.0.1."""
    variables = {"release_image": image, **QUICK, **at(target, PORT), "deploy_health_deadline": 2}
    made = Application(f"w{secrets.token_hex(3)}", target, variables, target.address, {"staging": PORT})
    try:
        made.ship("staging", 1)
        yield made
    finally:
        target.forget(made.name)


def answers(application: Application) -> list[str]:
    """Which version answers on PORT and on OTHER_PORT; empty where nothing does."""
    found = []
    for port in (PORT, OTHER_PORT):
        try:
            with urllib.request.urlopen(f"http://{application.address}:{port}/version", timeout=3) as answer:
                found.append(str(json.loads(answer.read())["version"]))
        except OSError:
            found.append("")
    return found


def test_another_port_comes_with_a_release_that_is_verified_and_with_no_other(fronted: Application) -> None:
    """Neither with one that fails, nor with one whose controller is killed after the cut-over."""
    other = at(fronted.target, OTHER_PORT)
    failed = fronted.run("deploy", env="staging", version="1.0.2", **other, deploy_health_path="/nope")
    assert failed.code != 0
    assert answers(fronted) == ["1.0.1", ""]

    killed = fronted.start("deploy", env="staging", version="1.0.2", **other)
    killed.wait_for("cut-over")
    killed.kill()
    status = fronted.run("status")
    assert f"the front is not what 1.0.1 was deployed with: deploy_port {OTHER_PORT} instead of {PORT}" in status.output
    assert fronted.run("maintenance", env="staging", state="off").code == 0
    assert answers(fronted) == ["1.0.1", ""]
    assert fronted.run("status").code == 0

    fronted.ship("staging", 1, proxy_client_timeout=61)
    assert fronted.ledger("staging")[-1]["front"] != fronted.ledger("staging")[0]["front"]
