"""--check --diff changes nothing and tells the truth; a second run of a verb changes nothing either."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.application import APPROVER, Application
from tests.integration.verbs import Run

CHECK = ("--check", "--diff")


@pytest.fixture(scope="module")
def serving(application: Application) -> Application:
    """Staging has proven two releases, production waits for the newer one with its approval."""
    application.ship("staging", 1)
    application.ship("production", 1)
    application.ship("staging", 2)
    return application


def picture(serving: Application) -> tuple[Any, ...]:
    """All that a run could change on the target: containers, images, and every file with its times."""
    containers = {key: details["State"] for key, details in serving.target.containers(serving.name).items()}
    images = serving.target.docker("images", "--all", "--digests", "--no-trunc")
    return containers, images, serving.target.listing(serving.name)


def checked(serving: Application, verb: str, **variables: Any) -> Run:
    """Run a verb in check mode; fails the test when anything was changed."""
    before = picture(serving)
    run = serving.run(verb, *CHECK, **variables)
    assert picture(serving) == before
    return run


def test_first_deployment(serving: Application) -> None:
    """Not even the folder of an environment that is not there yet is made."""
    name = f"{serving.name}-new"
    run = serving.run("deploy", *CHECK, env="staging", version="1.0.3", deploy_name=name, deploy_port=8090)
    assert run.code == 0, run.output
    assert run.changed == 1
    assert serving.target.listing(name) == ""
    assert serving.target.containers(name) == {}


def test_upgrade(serving: Application) -> None:
    run = checked(serving, "deploy", env="staging", version="1.0.3")
    assert run.code == 0, run.output
    assert run.changed == 1
    assert '-    "version": "1.0.2"' in run.output
    assert '+    "version": "1.0.3"' in run.output


def test_change_of_configuration(serving: Application) -> None:
    run = checked(serving, "deploy", env="staging", version="1.0.2", deploy_env={"APP_ENVIRONMENT": "elsewhere"})
    assert run.code == 0, run.output
    assert run.changed == 1
    assert "elsewhere" in run.output


def test_rollback(serving: Application) -> None:
    run = checked(serving, "rollback", env="staging")
    assert run.code == 0, run.output
    assert run.changed == 1


def test_approval(serving: Application) -> None:
    run = checked(serving, "approve", approved_by=APPROVER)
    assert run.code == 0, run.output
    assert run.changed == 1


def test_refusal(serving: Application) -> None:
    """What a real run would refuse is refused in check mode too."""
    run = checked(serving, "deploy", env="production")
    assert run.code != 0
    assert "is not approved for production" in run.reason


@pytest.mark.parametrize(
    ("verb", "variables"),
    [
        ("deploy", {"env": "staging", "version": "1.0.2"}),
        ("deploy", {"env": "production", "version": "1.0.1"}),
        ("rollback", {"env": "staging", "version": "1.0.2"}),
        ("status", {}),
    ],
)
def test_nothing_to_do(serving: Application, verb: str, variables: dict[str, Any]) -> None:
    """A verb whose work is done says so, in check mode and without it."""
    before = serving.running(), [serving.ledger(env) for env in ("staging", "production")]
    assert checked(serving, verb, **variables).changed == 0
    run = serving.run(verb, **variables)
    assert run.code == 0, run.output
    assert run.changed == 0
    assert (serving.running(), [serving.ledger(env) for env in ("staging", "production")]) == before


def test_second_approval(serving: Application) -> None:
    """A release that is approved already is not approved again."""
    assert serving.run("approve", approved_by=APPROVER).changed == 1
    assert serving.run("approve", approved_by=APPROVER).changed == 0
    assert serving.events("production").count("approved") == 2
