"""--check --diff changes nothing and tells the truth; a second run of a verb changes nothing either."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.application import APPROVER, Application
from tests.integration.verbs import Run

CHECK = ("--check", "--diff")


def picture(promoted: Application) -> tuple[Any, ...]:
    """All that a run could change on the target: containers, images, and every file with its times."""
    docker = promoted.target.docker
    shown = "{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}"
    containers = docker("inspect", "--format", shown, *promoted.target.containers(promoted.name))
    images = docker("images", "--all", "--digests", "--no-trunc", "--format", "{{.ID}} {{.Repository}}@{{.Digest}}")
    # Docker lists images of one age in any order.
    return sorted(containers.splitlines()), sorted(images.splitlines()), promoted.target.listing(promoted.name)


def checked(promoted: Application, verb: str, **variables: Any) -> Run:
    """Run a verb in check mode; fails the test when anything was changed."""
    before = picture(promoted)
    run = promoted.run(verb, *CHECK, **variables)
    assert picture(promoted) == before
    return run


def test_first_deployment(promoted: Application) -> None:
    """Not even the folder of an environment that is not there yet is made."""
    name = f"{promoted.name}-new"
    run = promoted.run("deploy", *CHECK, env="staging", version="1.0.3", deploy_name=name, deploy_port=8090)
    assert run.code == 0, run.output
    assert run.changed == len(["release", "proxy", "traffic"])
    assert promoted.target.listing(name) == ""
    assert promoted.target.containers(name) == {}


def test_upgrade(promoted: Application) -> None:
    run = checked(promoted, "deploy", env="staging", version="1.0.3")
    assert run.code == 0, run.output
    assert run.changed == len(["release", "traffic"])
    assert '-    "version": "1.0.2"' in run.output
    assert '+    "version": "1.0.3"' in run.output
    assert re.search(r"^-    server \w+ 127\.0\.0\.1:\d+ weight 100$", run.output, re.MULTILINE)
    assert re.search(r"^\+    server \w+ 127\.0\.0\.1:\d+ weight 100$", run.output, re.MULTILINE)


def test_change_of_configuration(promoted: Application) -> None:
    run = checked(promoted, "deploy", env="staging", version="1.0.2", deploy_env={"APP_ENVIRONMENT": "elsewhere"})
    assert run.code == 0, run.output
    assert run.changed == len(["configuration", "traffic"])
    assert "elsewhere" in run.output


def test_rollback(promoted: Application) -> None:
    run = checked(promoted, "rollback", env="staging")
    assert run.code == 0, run.output
    assert run.changed == len(["release", "traffic"])


def test_approval(promoted: Application) -> None:
    run = checked(promoted, "approve", approved_by=APPROVER)
    assert run.code == 0, run.output
    assert run.changed == 1


def test_refusal(promoted: Application) -> None:
    """What a real run would refuse is refused in check mode too."""
    run = checked(promoted, "deploy", env="production")
    assert run.code != 0
    assert "is not approved for production" in run.reason


@pytest.mark.parametrize(
    ("verb", "variables"),
    [
        ("deploy", {"env": "staging", "version": "1.0.2"}),
        ("rollback", {"env": "staging", "version": "1.0.2"}),
        ("status", {}),
    ],
)
def test_nothing_to_do(promoted: Application, verb: str, variables: dict[str, Any]) -> None:
    """A verb whose work is done says so, in check mode and without it."""
    recorded = promoted.ledger("staging")
    before = promoted.running()
    assert checked(promoted, verb, **variables).changed == 0
    run = promoted.run(verb, **variables)
    assert run.code == 0, run.output
    assert run.changed == 0
    assert promoted.running() == before
    assert promoted.ledger("staging") == recorded


def test_second_approval(promoted: Application) -> None:
    """A release that is approved already is not approved again."""
    with promoted.ledger_restored("production"):
        approved = promoted.events("production").count("approved")
        assert promoted.run("approve", approved_by=APPROVER).changed == 1
        assert promoted.run("approve", approved_by=APPROVER).changed == 0
        assert promoted.events("production").count("approved") == approved + 1
