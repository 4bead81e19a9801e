"""An upgrade replaces the release, a second run changes nothing, and a configuration is deployed like a release."""

from __future__ import annotations

from conftest import Environment, Step


def test_the_upgrade_replaced_the_release(steps: dict[str, Step], staging: Environment) -> None:
    assert staging.events == ["deployed 1.0.1", "deployed 1.0.2", "deployed 1.0.2"]
    first, upgrade, _ = staging.ledger
    assert upgrade["replaced"] == {key: first[key] for key in ("version", "digest", "config")}


def test_the_release_before_stays_warm_in_the_other_slot(staging: Environment) -> None:
    _, upgrade, reconfigured = staging.ledger
    spare = staging.containers[upgrade["slot"]]
    assert {upgrade["slot"], reconfigured["slot"]} == set(staging.containers) == {"blue", "green"}
    assert spare["State"]["Running"]
    assert spare["Config"]["Labels"]["io.slipway.config"] == upgrade["config"]
    assert spare["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert staging.container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_the_same_again_changes_nothing_and_nobody_notices(steps: dict[str, Step]) -> None:
    assert steps["upgrade"].changed == 0
    assert steps["upgrade"].served == "1.0.2"
    assert steps["upgrade"]["unanswered"] == 0


def test_a_configuration_alone_is_a_deployment_of_the_same_digest(staging: Environment) -> None:
    _, upgrade, reconfigured = staging.ledger
    assert reconfigured["digest"] == upgrade["digest"]
    assert reconfigured["config"] != upgrade["config"]
    assert staging.label("config") == reconfigured["config"]
    assert '"environment":"other"' in staging.get("/health").replace(" ", "")


def test_nobody_notices_a_deployment(steps: dict[str, Step]) -> None:
    assert steps["reconfigured"]["probes"] > 0
    assert steps["reconfigured"]["unanswered"] == 0
