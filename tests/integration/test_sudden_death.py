"""A run that is killed at any instant leaves nothing that a person has to clean up."""

from __future__ import annotations

import pytest

from tests.integration.application import Application


@pytest.mark.parametrize(
    ("phase", "live_before", "build"),
    [("health", 1, 2), ("cut-over", 2, 3), ("commit", 3, 1)],
)
def test_killed_deployment(serving: Application, phase: str, live_before: int, build: int) -> None:
    """Killed after a step of ``phase``; the same command then reconciles and completes."""
    version = f"1.0.{build}"
    before, recorded = serving.running(), len(serving.ledger("staging"))
    live = serving.live_container("staging")["Id"]
    process = serving.start("deploy", env="staging", version=version)
    process.wait_for(phase)
    process.kill()
    if phase == "health":
        assert serving.running()[live] == before[live]
        assert serving.answer("staging")["version"] == f"1.0.{live_before}"
    ended = serving.run("deploy", env="staging", version=version)
    assert ended.code == 0, ended.output
    assert serving.answer("staging")["version"] == version
    verified = {entry["container_run"] for entry in serving.ledger("staging") if entry["event"] == "deployed"}
    assert {it["Config"]["Labels"]["io.slipway.run"] for it in serving.containers("staging").values()} <= verified
    assert serving.events("staging")[recorded:].count("deployed") == 1
