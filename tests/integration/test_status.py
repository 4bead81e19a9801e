"""Status shows every environment, and fails when one cannot be read or has drifted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.integration.application import Application
from tests.integration.verbs import Run


def row(run: Run, env: str) -> list[str]:
    """An environment's row of the table, as words."""
    return next(line.split() for line in run.output.splitlines() if line.startswith(f"{env} "))


def test_everything_is_well(promoted: Application) -> None:
    run = promoted.run("status")
    assert run.code == 0, run.output
    assert row(run, "staging")[2:6] == ["1.0.2", *row(run, "staging")[3:4], "1.0.1", "warm"]
    assert row(run, "staging")[3] in ("blue", "green")
    assert row(run, "production")[2] == "1.0.1"
    assert "! " not in run.output


def test_json_is_json_alone(promoted: Application) -> None:
    run = promoted.run("status", format="json")
    assert run.code == 0, run.output
    assert [item["environment"] for item in json.loads(run.output)] == ["staging", "production"]


def test_maintenance_is_told_and_is_no_trouble(promoted: Application) -> None:
    assert promoted.run("maintenance", env="staging", state="on").code == 0
    try:
        run = promoted.run("status")
    finally:
        assert promoted.run("maintenance", env="staging", state="off").code == 0
    assert run.code == 0, run.output
    assert "maintenance" in row(run, "staging")
    assert run.output.index("! myapp-staging: everybody gets the maintenance page") < run.output.index("newest first")


@pytest.fixture
def stopped(promoted: Application) -> Iterator[Application]:
    """The live container of staging is stopped."""
    found = promoted.containers("staging").items()
    name = next(key for key, it in found if it["Config"]["Labels"]["io.slipway.version"] == "1.0.2")
    promoted.target.docker("stop", "--time", "5", name)
    yield promoted
    promoted.target.docker("start", name)


def test_live_container_that_does_not_run(stopped: Application) -> None:
    run = stopped.run("status")
    assert run.reason == "myapp-staging: the ledger says 1.0.2 is live, and its container is exited."
    assert run.output.index("! myapp-staging: the ledger says") < run.output.index("newest first")


def test_ledger_that_is_damaged(promoted: Application) -> None:
    with promoted.ledger_restored("staging") as ledger:
        promoted.target.write(promoted.ledger_path("staging"), ledger.replace(b'"1.0.2"', b'"1.0.9"', 1))
        run = promoted.run("status")
    assert run.reason.startswith("myapp-staging: ")
    assert "ledger.jsonl" in run.reason
    assert row(run, "production")[2] == "1.0.1"


def test_ledger_that_is_gone(promoted: Application) -> None:
    """What serves is not taken for nothing."""
    path = promoted.ledger_path("staging")
    promoted.target.run("mv", path, f"{path}.away")
    try:
        run = promoted.run("status")
    finally:
        promoted.target.run("mv", f"{path}.away", path)
    assert re.fullmatch(r"myapp-staging: \S+ serves here, and \S+/ledger\.jsonl does not exist\.", run.reason)


def test_lock_of_a_run_that_died_long_ago(stopped: Application) -> None:
    """It hides no trouble: nobody is at work."""
    path = f"{stopped.home('staging')}/lock.json"
    then = "2026-01-01T00:00:00.000Z"
    lock = {"owner": "alice", "host": "gone", "run_id": "r", "started": then, "expires": then, "lease_seconds": 300}
    stopped.target.run("touch", path)
    stopped.target.write(path, json.dumps(lock).encode())
    try:
        run = stopped.run("status")
    finally:
        stopped.target.run("rm", path)
    assert "left" in row(run, "staging")
    assert "the lock is held by alice on gone" in run.output
    assert run.reason == "myapp-staging: the ledger says 1.0.2 is live, and its container is exited."


def test_host_that_is_not_reached_is_told_once(promoted: Application) -> None:
    run = promoted.run("status", ansible_port=1)
    assert run.reason == "myapp-staging is unreachable; myapp-prod is unreachable."
    assert run.output.count("Connection refused") == 2
