"""A rollback restores a verified release together with the configuration it ran with."""

from __future__ import annotations

import json

import pytest
from conftest import Environment, Step


@pytest.mark.parametrize(
    ("step", "version", "colour"),
    [
        ("one_red", "1.0.1", "red"),
        ("two_green", "1.0.2", "green"),
        ("back", "1.0.1", "red"),
        ("no_further", "1.0.1", "red"),
        ("named", "1.0.2", "green"),
    ],
)
def test_what_serves_after(steps: dict[str, Step], step: str, version: str, colour: str) -> None:
    assert steps[step].served == version
    assert json.loads(steps[step]["after"]["body"])["environment"] == colour


def test_secrets_come_back_too(staging: Environment) -> None:
    assert staging.execute("cat /run/secrets/token") == "green"
    assert staging.execute("printenv KEY") == "green"


def test_rollbacks_are_recorded_with_the_state_they_restored(staging: Environment) -> None:
    history = [(entry["kind"], entry["version"], entry["config"]) for entry in staging.ledger]
    (_, _, red), (_, _, green) = history[:2]
    assert history[2:] == [("rollback", "1.0.1", red), ("rollback", "1.0.2", green)]


def test_an_impossible_rollback_is_refused_before_anything_is_touched(steps: dict[str, Step]) -> None:
    assert "verified release comes before 1.0.1" in steps["no_further"]["output"]
    assert steps["no_further"]["unanswered"] == 0


def test_the_live_container_is_that_of_the_last_rollback(staging: Environment) -> None:
    assert staging.label("version") == "1.0.2"


@pytest.mark.parametrize("step", ["two_green", "back", "named"])
def test_nobody_notices(steps: dict[str, Step], step: str) -> None:
    assert steps[step]["probes"] > 0
    assert steps[step]["unanswered"] == 0
