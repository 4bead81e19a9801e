"""Whatever is wrong with a release, the last good one serves afterwards and the failure is told and recorded."""

from __future__ import annotations

import pytest
from conftest import Environment, Step

from tests.releases import BUILDS, version

EVIDENCE = {
    "exit": "exited with code",
    "unhealthy": "status 500",
    "unhealthy_after": "it was healthy and then was not",
    "broken_root": "/ fails while it says it is ready",
    "slow_start": "not within 2 s",
    "wrong_port": "not within 2 s",
}
VERSIONS = {fault: version(build) for build, fault in BUILDS.items() if fault in EVIDENCE}


@pytest.mark.parametrize("fault", VERSIONS)
def test_the_last_good_release_serves_afterwards(steps: dict[str, Step], fault: str) -> None:
    assert steps[fault]["code"] != 0
    assert steps[fault].served == "1.0.1"


@pytest.mark.parametrize("fault", VERSIONS)
def test_nobody_notices_a_broken_release(steps: dict[str, Step], fault: str) -> None:
    assert steps[fault]["probes"] > 0
    assert steps[fault]["unanswered"] == 0


@pytest.mark.parametrize("fault", VERSIONS)
def test_the_failure_says_what_why_and_what_now(steps: dict[str, Step], fault: str) -> None:
    output = steps[fault]["output"]
    assert f"{VERSIONS[fault]} was not deployed to staging" in output
    assert EVIDENCE[fault] in output
    assert "serving now: 1.0.1" in output
    assert "next: " in output


@pytest.mark.parametrize("fault", VERSIONS)
def test_the_ledger_records_the_failure(staging: Environment, fault: str) -> None:
    (entry,) = [entry for entry in staging.ledger if entry["event"] == "failed" and entry["version"] == VERSIONS[fault]]
    assert entry["phase"] == ("cut-over" if fault == "unhealthy_after" else "health")
    assert EVIDENCE[fault] in entry["reason"]
    assert entry["evidence"]["logs"] or fault == "slow_start"
    assert entry["serving"].startswith("1.0.1 ")


def test_the_evidence_of_an_exit_is_its_code(staging: Environment) -> None:
    codes = {entry["version"]: entry["evidence"]["exit_code"] for entry in staging.ledger if entry["event"] == "failed"}
    assert codes[VERSIONS["exit"]] not in (None, 0)
    assert codes[VERSIONS["unhealthy"]] is None


def test_nothing_broken_counts_as_deployed(staging: Environment) -> None:
    assert [event for event in staging.events if event.startswith("deployed")] == ["deployed 1.0.1"]


def test_the_container_is_the_one_that_served_before(staging: Environment) -> None:
    good = staging.ledger[0]
    assert staging.label("run") == good["run"]
    assert staging.label("config") == good["config"]
    assert staging.container["State"]["Health"]["Status"] in ("healthy", "starting")
    assert not any(setting.startswith("APP_FAULT_SECONDS=") for setting in staging.container["Config"]["Env"])


def test_what_the_last_failures_left_is_kept_to_look_at(staging: Environment) -> None:
    """Two of them by default, stopped, with their image and their configuration."""
    failed = [entry for entry in staging.ledger if entry["event"] == "failed"]
    assert "blue" in staging.containers
    assert [it["Config"]["Labels"]["io.slipway.run"] for it in staging.failed] == [it["run"] for it in failed[-2:]]
    assert [it["State"]["Running"] for it in staging.failed] == [False, False]
    for container, entry in zip(staging.failed, failed[-2:], strict=True):
        assert container["Name"] == f"/{staging.label('app')}-staging-failed-{entry['run']}"
        assert container["HostConfig"]["RestartPolicy"]["Name"] == "no"
