"""What the strategy recreate keeps to: nothing finds a candidate, and what cannot be recorded does not stay."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.application import Application
from tests.integration.target import Target


@pytest.fixture
def network(target: Target) -> Iterator[str]:
    """A Docker network of the VM."""
    name = f"net{secrets.token_hex(3)}"
    target.docker("network", "create", name)
    yield name
    target.docker("network", "rm", name)


def test_a_candidate_is_found_by_nobody(recreated: Application, network: str) -> None:
    """Other containers reach the live one by aliases, and proxies by labels: the candidate has neither."""
    networks = [{"name": network, "aliases": ["web"]}]
    process = recreated.start(
        "deploy",
        env="staging",
        version="1.0.12",
        deploy_networks=networks,
        deploy_labels={"route": "web"},
        deploy_health_deadline=4,
    )
    candidates: list[dict[str, Any]] = []
    while not candidates:
        assert process.process.poll() is None, process.end().output
        found = recreated.containers("staging").values()
        candidates = [it for it in found if it["Config"]["Labels"]["io.slipway.slot"] == "candidate"]
    ended = process.end()
    assert ended.code != 0, ended.output
    assert "web" not in (candidates[0]["NetworkSettings"]["Networks"][network]["Aliases"] or [])
    assert "route" not in candidates[0]["Config"]["Labels"]


def test_a_release_that_cannot_be_recorded_makes_way_for_the_old_one(recreated: Application, target: Target) -> None:
    """The ledger cannot be written at the end, as with a full disk: the old container serves, and all is told."""
    before, recorded = recreated.running(), recreated.ledger("staging")
    obstacle = f"{recreated.ledger_path('staging')}.new"
    target.run("mkdir", obstacle)
    try:
        run = recreated.run("deploy", env="staging", version="1.0.2")
    finally:
        target.run("rmdir", obstacle)
    assert run.code != 0
    assert "1.0.2 was not deployed to staging" in run.output
    assert "commit: " in run.output
    assert "serving now: 1.0.1" in run.output
    assert recreated.answer("staging")["version"] == "1.0.1"
    assert recreated.running().keys() == before.keys()
    assert recreated.ledger("staging") == recorded


def test_a_run_that_lost_its_lock_switches_nothing(recreated: Application, target: Target) -> None:
    """Another run took over while this one was at its candidate."""
    before = recreated.running()
    lock = f"{recreated.home('staging')}/lock.json"
    process = recreated.start("deploy", env="staging", version="1.0.2", deploy_health_passes=40)
    process.wait_for("preflight")
    theirs = target.run("sed", 's/"run_id":"[^"]*"/"run_id":"261124-000000-1"/', lock)
    target.write(lock, theirs.encode())
    ended = process.end()
    target.run("rm", lock)
    assert ended.code != 0
    assert "the lock was lost to another run" in ended.output
    assert before.items() <= recreated.running().items()
    assert recreated.run("deploy", env="staging", version="1.0.1").code == 0
    assert recreated.running() == before
