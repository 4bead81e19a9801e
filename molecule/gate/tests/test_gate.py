"""Production gets only what staging verified and a person approved, by its digest."""

from __future__ import annotations

import pytest
from conftest import Environment, Step

from tests import releases
from tests.lab import Lab


@pytest.mark.parametrize(
    ("step", "reason", "advice"),
    [
        ("unverified", "1.0.3 was never verified in staging", "deploy.yml -e env=staging -e version=1.0.3"),
        ("unapproved", "is not approved for production", "approve.yml -e version=1.0.3"),
        ("used_up", "was used up by entry", "approve.yml -e version=1.0.3"),
    ],
)
def test_a_closed_gate_says_why_and_what_to_run(steps: dict[str, Step], step: str, reason: str, advice: str) -> None:
    assert steps[step]["code"] != 0
    assert reason in steps[step]["output"]
    assert advice in steps[step]["output"]


@pytest.mark.parametrize("step", ["unverified", "unapproved", "approved"])
def test_nothing_serves_in_production_until_the_promotion(steps: dict[str, Step], step: str) -> None:
    assert steps[step]["after"]["status"] == 0


def test_an_approval_changes_nothing_but_the_ledger(steps: dict[str, Step], production: Environment) -> None:
    assert steps["approved"].changed == 1
    assert production.events == ["approved 1.0.3", "deployed 1.0.3"]


def test_the_approval_names_who_what_and_until_when(steps: dict[str, Step], production: Environment) -> None:
    approval, deployed = production.ledger
    assert approval["approved_by"] == "approver"
    assert approval["digest"] == deployed["digest"]
    assert approval["environment"] == "production"
    assert approval["expires"] > approval["time"]
    assert deployed["approval"] == approval["seq"]
    assert approval["digest"][:19] in steps["approved"]["output"]


def test_the_verified_digest_runs_although_the_tag_has_moved(
    staging: Environment, production: Environment, lab: Lab
) -> None:
    image = releases.image(lab)
    built = releases.digest(lab, image, "build-3")
    assert releases.digest(lab, image, "1.0.3") != built
    assert staging.label("digest") == production.label("digest") == built
    assert production.version == "1.0.3"


def test_each_environment_has_its_own_configuration(staging: Environment, production: Environment) -> None:
    assert "APP_ENVIRONMENT=staging" in staging.container["Config"]["Env"]
    assert "APP_ENVIRONMENT=production" in production.container["Config"]["Env"]


def test_the_same_again_needs_no_approval(steps: dict[str, Step]) -> None:
    assert steps["again"].changed == 0
    assert steps["again"].served == "1.0.3"


def test_a_used_up_approval_lets_nothing_through(steps: dict[str, Step]) -> None:
    assert steps["used_up"].served == "1.0.3"
    assert steps["used_up"]["unanswered"] == 0
    assert '"environment":"production"' in steps["used_up"]["after"]["body"].replace(" ", "")
