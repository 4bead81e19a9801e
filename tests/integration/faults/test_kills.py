"""A run that is killed at any instant: the last good release serves, and the same command then completes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.outcomes import longest_gap
from tests.integration.application import Application
from tests.integration.faults.ground import Ground, under_load, wait_until
from tests.integration.faults.report import Row, answered, troubles
from tests.integration.verbs import Process, Run

CANARY = {
    "deploy_strategy": "canary",
    "deploy_canary_steps": [20, 50],
    "deploy_canary_bake_seconds": 1,
    "deploy_canary_min_requests": 5,
    "deploy_canary_deadline": 60,
}
RESTART_SECONDS = 15.0
SOAK_SECONDS = 30


@dataclass(frozen=True)
class Way:
    """One way of changing what serves.

    :param phases: of an undisturbed run, in their order.
    :param restarts: whether requests may fail while one container makes way for the other.
    """

    verb: str
    port: int
    phases: tuple[str, ...]
    variables: dict[str, Any] = field(default_factory=dict)
    restarts: bool = False


DEPLOY = ("validate", "lock", "resolve", "gate", "preflight", "health")
ROLLBACK = ("validate", "lock", "resolve", "preflight", "health")
WAYS = {
    "blue_green": Way("deploy", 8087, (*DEPLOY, "cut-over", "verify", "commit")),
    "canary": Way("deploy", 8088, (*DEPLOY, "canary", "cut-over", "verify", "commit"), CANARY),
    "recreate": Way(
        "deploy", 8089, (*DEPLOY, "container", "cut-over", "verify", "commit"), {"deploy_strategy": "recreate"}, True
    ),
    "rollback": Way("rollback", 8090, (*ROLLBACK, "cut-over", "verify", "commit")),
}
BOUNDARIES = [(way, phase) for way, found in WAYS.items() for phase in found.phases]


@dataclass
class Struck:
    """What served until the next command, and what that did.

    :param during: who answered until the interruption,
    :param after: and who after it.
    :param ended: how the interrupted run ended; None for one that was killed.
    """

    during: str
    after: str
    ended: Run | None
    following: Run
    requests: int
    failed: dict[str, int]


@pytest.fixture(scope="module")
def grounds(make: Callable[..., Application]) -> Iterator[Callable[[str], Ground]]:
    """Gives the application of a way, with a load on it that lasts until another way is asked for."""
    load, apps = contextlib.ExitStack(), contextlib.ExitStack()
    made: dict[str, Application] = {}
    current: dict[str, Ground] = {}

    def of(name: str) -> Ground:
        if name not in current:
            current.clear()
            load.close()
            fresh = name not in made
            if fresh:
                made[name] = make(WAYS[name].port, **WAYS[name].variables)
                apps.callback(made[name].target.forget, made[name].name)
            current[name] = load.enter_context(under_load(made[name]))
            if fresh:
                current[name].fetch_all()
        current[name].settle_down()
        return current[name]

    with apps, load:
        yield of


def strike(ground: Ground, way: Way, when: str | float, how: Callable[[Process], Run | None]) -> Struck:
    """Interrupt a run after a phase, or after so many seconds; then run the same command again."""
    app = ground.app
    old, version = ground.next()
    process = app.start(way.verb, env="staging", version=version)
    if isinstance(when, str):
        process.wait_for(when)
    else:
        process.wait(when)
    ended = how(process)
    during = ground.traffic.take()
    after = app.answer("staging")["version"] or "nobody"
    assert after in (old, version) or way.restarts
    following = app.run(way.verb, env="staging", version=version)
    assert following.code == 0, following.output
    ground.assert_settled(version)
    later = ground.traffic.take()
    everything = [*during, *later]
    assert {outcome.version for outcome in everything if outcome.version} <= {old, version}
    failed = troubles(everything)
    if not way.restarts:
        assert failed == {}, following.output
    else:
        assert longest_gap(everything) < RESTART_SECONDS
    return Struck(answered(during), after, ended, following, len(everything), failed)


def kill(process: Process) -> None:
    """SIGKILL to the whole process group."""
    process.kill()


def send(number: signal.Signals) -> Callable[[Process], Run]:
    """A signal to the whole process group, as Ctrl-C or the end of a job sends it, and its end."""

    def sent(process: Process) -> Run:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.process.pid, number)
        return process.end()

    return sent


def keep(request: pytest.FixtureRequest, fault: str, struck: list[Struck]) -> None:
    """Keep what became of it as a row."""
    failed: dict[str, int] = {}
    for one in struck:
        for trouble, count in one.failed.items():
            failed[trouble] = failed.get(trouble, 0) + count
    seconds = sorted(one.following.seconds for one in struck)
    option = request.config.option
    random_too = f" SEED={option.seed} KILLS={option.kills}" if "random" in request.node.name else ""
    Row(
        group="Kills",
        fault=fault,
        during=_told([one.during for one in struck]),
        after=_told([one.after for one in struck]),
        following=f"completed, {seconds[len(seconds) // 2]:.1f} s",
        requests=sum(one.requests for one in struck),
        failed=failed,
        test=request.node.nodeid,
        options=random_too,
    ).keep()


def _told(versions: list[str]) -> str:
    return versions[0] if len(versions) == 1 else "the old or the new release"


def quick(name: str, phase: str) -> bool:
    """Whether this boundary is part of the quick form."""
    return (name, phase) in {("blue_green", "health"), ("blue_green", "cut-over"), ("canary", "canary")}


@pytest.mark.parametrize(
    ("name", "phase"),
    [pytest.param(*it, marks=() if quick(*it) else pytest.mark.thorough) for it in BOUNDARIES],
)
def test_killed_after_a_phase(
    grounds: Callable[[str], Ground], name: str, phase: str, request: pytest.FixtureRequest
) -> None:
    struck = strike(grounds(name), WAYS[name], phase, kill)
    keep(request, f"{name}: SIGKILL after {phase}", [struck])


@pytest.mark.thorough
@pytest.mark.parametrize("name", WAYS)
def test_killed_at_random_instants(
    grounds: Callable[[str], Ground], name: str, chance: random.Random, request: pytest.FixtureRequest
) -> None:
    ground, way = grounds(name), WAYS[name]
    _, version = ground.next()
    undisturbed = ground.app.run(way.verb, env="staging", version=version)
    assert undisturbed.code == 0, undisturbed.output
    kills = request.config.option.kills
    struck = []
    for _ in range(kills):
        instant = chance.uniform(0, undisturbed.seconds)
        print(f"{name}: SIGKILL after {instant:.3f} s", flush=True)
        struck.append(strike(ground, way, instant, kill))
    keep(request, f"{name}: SIGKILL at {kills} random instants", struck)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("phase", ["lock", "health", "cut-over"])
def test_signalled_after_a_phase(
    grounds: Callable[[str], Ground], phase: str, number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    struck = strike(grounds("blue_green"), WAYS["blue_green"], phase, send(number))
    assert struck.ended
    assert struck.ended.code != 0
    keep(request, f"blue_green: {number.name} after {phase}", [struck])


def test_killed_while_a_release_is_watched_that_turns_out_bad(
    grounds: Callable[[str], Ground], request: pytest.FixtureRequest
) -> None:
    """The step on the target goes on without its controller, and takes the traffic back."""
    ground = grounds("blue_green")
    app = ground.app
    old, bad = f"1.0.{ground.build}", "1.0.13"
    settings = {"deploy_soak_seconds": SOAK_SECONDS, "deploy_env": {"APP_FAULT_SECONDS": "8"}}
    process = app.start("deploy", env="staging", version=bad, **settings)
    wait_until(lambda: app.answer("staging")["version"] == bad)
    process.kill()
    back = wait_until(lambda: app.answer("staging")["version"] == old, SOAK_SECONDS)
    during = ground.traffic.take()
    _, version = ground.next()
    following = app.run("deploy", env="staging", version=version)
    assert following.code == 0, following.output
    ground.assert_settled(version)
    everything = [*during, *ground.traffic.take()]
    assert troubles(everything) == {}
    Row(
        group="Kills",
        fault="blue_green: SIGKILL while a release is watched that turns out bad",
        during=answered(during),
        after=f"{old}, {back:.1f} s later",
        following=f"a good release: completed, {following.seconds:.1f} s",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()


@pytest.mark.parametrize(
    "name", [pytest.param(it, marks=() if it in ("blue_green", "canary") else pytest.mark.thorough) for it in WAYS]
)
def test_phases_of_an_undisturbed_run(grounds: Callable[[str], Ground], name: str) -> None:
    """The boundaries above are all there are."""
    ground, way = grounds(name), WAYS[name]
    _, version = ground.next()
    run = ground.app.run(way.verb, env="staging", version=version)
    assert run.code == 0, run.output
    seen = dict.fromkeys(event["phase"] for event in run.events if event["phase"])
    assert tuple(seen) == way.phases
