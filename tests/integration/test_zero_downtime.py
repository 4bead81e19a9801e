"""No request is lost or answered by a release that should not, whatever is done to an environment behind the proxy.

The cases are those of ``bench.traffic``: 200 requests a second on connections of their own and on kept ones, slow
answers, streams and WebSockets.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from bench.cases import CANARY, NEW, OLD, Case, build, cases, deploy
from bench.outcomes import summary
from bench.stage import Stage
from bench.traffic import run
from tests.integration.application import Application
from tests.integration.target import STATE, Target

PORT = 8085
# A restart of HAProxy's own container refuses connections while it takes, which its row in bench.traffic shows.
CASES = {case.name: case for case in cases() if case.name != "HAProxy restart"}
QUICK = {
    "deploy_health_passes": 1,
    "deploy_health_interval": 0.1,
    "deploy_soak_seconds": 2,
    # The clients of the load tell their addresses, since no single one decides about a release.
    "proxy_trusted_networks": ["0.0.0.0/0"],
}


@pytest.fixture(scope="module")
def stage(target: Target, image: str) -> Iterator[Stage]:
    """An application with a public port of its own."""
    address = f"http://{target.address}:{PORT}"
    ports = {"deploy_port": PORT, "deploy_public_url": address}
    made = Stage(target.lab, f"z{secrets.token_hex(3)}", {**QUICK, **ports}, address)
    yield made
    made.forget()


def ledger(stage: Stage) -> list[dict[str, Any]]:
    """The entries of the stage's ledger."""
    content = Target(stage.lab).read(f"{STATE}/{stage.name}-staging/ledger.jsonl")
    return [json.loads(line) for line in content.splitlines()]


@pytest.mark.parametrize("name", CASES)
def test_nobody_notices(stage: Stage, name: str, traffic_report: list[tuple[str, str]]) -> None:
    row = run(stage, CASES[name])
    traffic_report.append((name, summary(row.outcomes)))
    assert row.outcomes
    assert row.failed == []
    assert row.wrong == []


def test_a_canary_that_fails_requests_is_convicted_at_its_first_share(stage: Stage) -> None:
    """What fails is what the canary itself answered; the others do not notice it."""
    bad = build("errors")
    canary = Case("errors", deploy(bad, False, **CANARY), meanwhile=(bad,))
    row = run(stage, canary)
    assert "At 10 % of the traffic the candidate is bad: " in row.ended.output
    evidence = ledger(stage)[-1]["evidence"]["traffic"]
    assert evidence["weight"] == 10
    assert {outcome.trouble for outcome in row.failed} == {"status 500"}
    assert len(row.failed) < len(row.outcomes) / 20
    assert row.wrong == []


def test_a_release_that_begins_to_fail_after_the_cut_over_is_taken_back(stage: Stage) -> None:
    """Its health check passes all the time; the share of its answers that are errors convicts it."""
    bad = build("errors_after")
    settings = {"deploy_soak_seconds": 30, "deploy_env": {"APP_FAULT_SECONDS": "5", "APP_FAULT_SHARE": "0.5"}}
    row = run(stage, Case("errors_after", deploy(bad, False, **settings), meanwhile=(bad,)))
    assert "was not deployed to staging" in row.ended.output
    assert "serving now: 1.0.1" in row.ended.output
    assert {outcome.trouble for outcome in row.failed} == {"status 500"}
    assert row.wrong == []


@contextlib.contextmanager
def one_client_asks(stage: Stage, path: str) -> Iterator[list[int]]:
    """One address asks for a path all the time; the list is of the statuses that it gets."""
    statuses: list[int] = []
    enough = threading.Event()
    request = urllib.request.Request(stage.url() + path, headers={"X-Forwarded-For": "203.0.113.9"})

    def ask() -> None:
        while not enough.wait(0.02):
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    statuses.append(answer.status)
            except urllib.error.HTTPError as error:
                statuses.append(error.code)
            except OSError:
                continue  # nothing is deployed yet

    client = threading.Thread(target=ask)
    client.start()
    try:
        yield statuses
    finally:
        enough.set()
        client.join()


def test_one_client_cannot_send_a_release_back(stage: Stage) -> None:
    """It asks for nothing but a page that always fails, which nobody else does."""
    odd = build("broken_root")
    shipped = deploy(odd, True, deploy_smoke_paths=[], deploy_soak_seconds=8)
    with one_client_asks(stage, "/") as statuses:
        row = run(stage, Case("one client", shipped, after=(odd,), meanwhile=(odd,)))
    assert statuses.count(500) > 30
    assert "for too few client addresses to hold that against it" in " ".join(row.ended.output.split())
    assert row.failed == []
    assert row.wrong == []


def test_an_installation_on_recreate_moves_over_by_a_normal_deploy(recreated: Application) -> None:
    """The port changes hands once, which is one interruption as short as that of a deployment with recreate."""
    before = recreated.ledger("staging")[-1]
    moved = recreated.run("deploy", env="staging", version=before["version"], deploy_strategy="blue_green")
    assert moved.code == 0, moved.output
    assert recreated.answer("staging")["version"] == before["version"]
    assert [it["Config"]["Labels"]["io.slipway.slot"] for it in recreated.containers("staging").values()] == ["blue"]
    back = recreated.run("deploy", env="staging", version=before["version"])
    assert "is taken by container" in back.reason
    recreated.target.forget(recreated.name)
    recreated.ship("staging", OLD)


def test_draining_lets_slow_requests_finish_before_their_slot_is_used_again(stage: Stage) -> None:
    """Two deployments in a row: the second one needs the slot whose requests of the first one are still under way."""
    stage.ship(OLD)

    def twice(stage: Stage):
        first = stage.run("deploy", True, version="1.0.2", deploy_soak_seconds=0)
        second = stage.run("deploy", True, version="1.0.3", deploy_soak_seconds=0)
        return type(first)(second.code, second.output, first.began, time.time())

    row = run(stage, Case("twice", twice, after=(3,), meanwhile=(NEW,)))
    assert row.failed == []
    assert row.wrong == []
