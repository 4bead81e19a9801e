"""Requests every 50 ms to the public port while releases, good and broken, are deployed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from bench.prober import Answer, Prober, summary, unexplained
from tests.integration.application import Application
from tests.integration.verbs import Run

GOOD, BETTER = "1.0.1", "1.0.2"
NEVER_HEALTHY = {
    "exit": (11, {}),
    "unhealthy": (12, {}),
    "broken_root": (14, {}),
    "slow_start": (15, {"APP_FAULT_SECONDS": "60"}),
    "wrong_port": (16, {}),
}
# Docker writes the event of a signal once it has been delivered: on a busy machine the application has ended by then.
EVENT_LATE_SECONDS = 0.5


@dataclass(frozen=True)
class Watched:
    """A verb, the requests that were sent while it ran, and what Docker did meanwhile."""

    run: Run
    answers: list[Answer]
    docker: list[dict[str, Any]]

    @property
    def failed(self) -> list[Answer]:
        """The requests that failed."""
        return [answer for answer in self.answers if answer.trouble]

    @property
    def switches(self) -> list[tuple[float, float]]:
        """When a container on the public port was told to stop, and when the next one had been started."""
        found: list[tuple[float, float]] = []
        stopped = None
        for event in self.docker:
            if event["Actor"]["Attributes"].get("io.slipway.slot") != "public":
                continue
            at = event["timeNano"] / 1e9
            if event["Action"] == "kill" and stopped is None:
                stopped = at
            elif event["Action"] == "start" and stopped is not None:
                found.append((stopped, at))
                stopped = None
        assert stopped is None, "a container was stopped and none was started"
        return found


@pytest.fixture
def watch(request: pytest.FixtureRequest, recreated: Application, traffic_report: list[tuple[str, str]]) -> Any:
    """Run a verb under traffic."""

    def run(verb: str, versions: set[str], **variables: Any) -> Watched:
        target = recreated.target
        url = recreated.url("staging", "/version")
        began = time.time()
        with Prober(url, versions) as prober:
            ended = recreated.run(verb, env="staging", **variables)
        answers = prober.answers()
        traffic_report.append((request.node.name.removeprefix("test_"), summary(answers)))
        docker = target.events(began, time.time())
        ours = [event for event in docker if event["Actor"]["Attributes"].get("io.slipway.app") == recreated.name]
        return Watched(ended, answers, ours)

    return run


def assert_only_switches_failed(watched: Watched, switches: int) -> None:
    """No request failed but for those which were under way while one container made room for the next."""
    assert len(watched.switches) == switches
    assert unexplained(watched.answers, watched.switches, EVENT_LATE_SECONDS) == [], watched.switches


@pytest.mark.parametrize("fault", NEVER_HEALTHY)
def test_candidate_that_never_becomes_healthy(recreated: Application, watch: Any, fault: str) -> None:
    build, env = NEVER_HEALTHY[fault]
    before = recreated.running()
    watched = watch("deploy", {GOOD}, version=f"1.0.{build}", deploy_health_deadline=3, deploy_env=env)
    assert watched.run.code != 0
    assert watched.failed == []
    assert watched.switches == []
    assert recreated.running() == before
    assert f"1.0.{build} was not deployed to staging" in watched.run.output
    assert "serving now: 1.0.1" in watched.run.output
    assert recreated.events("staging")[-1] == "failed"


def test_release_that_fails_after_cut_over(recreated: Application, watch: Any) -> None:
    before = recreated.running()
    watched = watch(
        "deploy",
        {GOOD, "1.0.13"},
        version="1.0.13",
        deploy_soak_seconds=20,
        deploy_env={"APP_FAULT_SECONDS": "8"},
    )
    assert watched.run.code != 0
    assert_only_switches_failed(watched, 2)
    assert recreated.answer("staging")["version"] == GOOD
    assert recreated.running().keys() == before.keys()
    assert recreated.events("staging")[-1] == "failed"


def test_upgrade(recreated: Application, watch: Any) -> None:
    watched = watch("deploy", {GOOD, BETTER}, version=BETTER)
    assert watched.run.code == 0, watched.run.output
    assert_only_switches_failed(watched, 1)
    assert watched.answers[-1].version == BETTER


def test_rollback(recreated: Application, watch: Any) -> None:
    watched = watch("rollback", {GOOD, BETTER})
    assert watched.run.code == 0, watched.run.output
    assert_only_switches_failed(watched, 1)
    assert watched.answers[-1].version == GOOD


def test_unchanged(recreated: Application, watch: Any) -> None:
    before = recreated.running()
    watched = watch("deploy", {GOOD}, version=GOOD)
    assert watched.run.code == 0, watched.run.output
    assert watched.failed == []
    assert recreated.running() == before
