"""A run that is killed at any instant leaves nothing that a person has to clean up."""

from __future__ import annotations

import pytest

from tests.integration.application import Application


@pytest.fixture(scope="module")
def serving(application: Application) -> Application:
    """Staging serves a good release."""
    application.ship("staging", 1)
    return application


@pytest.mark.parametrize(
    ("phase", "live_before", "build"),
    [("container", 1, 2), ("cut-over", 2, 3), ("commit", 3, 1)],
)
def test_killed_deployment(serving: Application, phase: str, live_before: int, build: int) -> None:
    """Killed once ``phase`` has begun to leave its marks; the same command then completes."""
    version = f"1.0.{build}"
    before, recorded = serving.running(), len(serving.ledger("staging"))
    process = serving.start("deploy", env="staging", version=version)
    process.wait_for(phase)
    process.kill()
    if phase == "container":
        assert before.items() <= serving.running().items()
        assert serving.answer("staging")["version"] == f"1.0.{live_before}"
    ended = serving.run("deploy", env="staging", version=version)
    assert ended.code == 0, ended.output
    assert serving.answer("staging")["version"] == version
    assert len(serving.target.containers(serving.name)) == 1
    assert serving.run("deploy", env="staging", version=version).changed == 0
    assert serving.events("staging")[recorded:].count("deployed") == 1


def test_killed_deployment_is_not_needed_any_more(serving: Application) -> None:
    """What an interrupted run was about to bring may be given up: another command reconciles as well."""
    before = serving.running()
    process = serving.start("deploy", env="staging", version="1.0.2")
    process.wait_for("cut-over")
    process.kill()
    ended = serving.run("deploy", env="staging", version="1.0.1")
    assert ended.code == 0, ended.output
    assert serving.answer("staging")["version"] == "1.0.1"
    assert serving.running().keys() == before.keys()
    assert serving.events("staging")[-1] == "aborted"
