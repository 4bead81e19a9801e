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
from tests.integration.faults.ground import RESTART_SECONDS, Ground, under_load, wait_until
from tests.integration.faults.report import Aftermath, Report
from tests.integration.faults.ssh import IMPATIENT, Ssh
from tests.integration.verbs import Process

CANARY = {
    "deploy_strategy": "canary",
    "deploy_canary_steps": [20, 50],
    "deploy_canary_bake_seconds": 1,
    "deploy_canary_min_requests": 5,
    "deploy_canary_deadline": 60,
}
SOAK_SECONDS = 30


@dataclass(frozen=True)
class Way:
    """One way of changing what serves.

    :param phases: of an undisturbed run, in their order.
    :param restarts: whether requests may fail while one container makes way for the other.
    """

    name: str
    verb: str
    port: int
    phases: tuple[str, ...]
    variables: dict[str, Any] = field(default_factory=dict)
    restarts: bool = False

    def __str__(self) -> str:
        return self.name


DEPLOY = ("validate", "lock", "resolve", "gate", "preflight", "health")
ROLLBACK = ("validate", "lock", "resolve", "preflight", "health")
WAYS = {
    way.name: way
    for way in (
        Way("blue_green", "deploy", 8087, (*DEPLOY, "cut-over", "verify", "commit")),
        Way("canary", "deploy", 8088, (*DEPLOY, "canary", "cut-over", "verify", "commit"), CANARY),
        Way(
            "recreate",
            "deploy",
            8089,
            (*DEPLOY, "container", "cut-over", "verify", "commit"),
            {"deploy_strategy": "recreate"},
            restarts=True,
        ),
        Way("rollback", "rollback", 8090, (*ROLLBACK, "cut-over", "verify", "commit")),
    )
}
BOUNDARIES = [(way, phase) for way in WAYS.values() for phase in way.phases]
CUT_OFF = [(WAYS["canary"], "canary"), (WAYS["recreate"], "container"), (WAYS["rollback"], "cut-over")]
SIGNALLED = [*((WAYS["blue_green"], phase) for phase in ("lock", "health", "cut-over")), *CUT_OFF]
QUICK = {("blue_green", "health"), ("blue_green", "cut-over"), ("canary", "canary")}


@pytest.fixture(scope="module")
def grounds(make: Callable[..., Application]) -> Iterator[Callable[[Way], Ground]]:
    """Gives the application that is changed a way, with a load on it until another way is asked for."""
    current: dict[str, Ground] = {}

    def of(way: Way) -> Ground:
        if way.name not in current:
            current.clear()
            stack.close()
            app = make(way.port, **way.variables)
            stack.callback(app.target.forget, app.name)
            current[way.name] = stack.enter_context(under_load(app))
            current[way.name].fetch_all()
        return current[way.name]

    with contextlib.ExitStack() as stack:
        yield of


@pytest.fixture
def shared_ground(way: Way, grounds: Callable[[Way], Ground]) -> Ground:
    """That of the test's way."""
    return grounds(way)


def strike(
    ground: Ground,
    way: Way,
    when: str | float,
    how: Callable[[Process], object],
    mend: Callable[[], object] = lambda: None,
    environ: dict[str, str] | None = None,
) -> Aftermath:
    """Interrupt a run after a phase, or after so many seconds; then run the same command again.

    :param mend: ends what interrupted it, where that has not ended by itself.
    :param environ: further environment variables of the run.
    """
    old, version = ground.next()
    process = ground.app.start(way.verb, env="staging", version=version, environ=environ)
    if isinstance(when, str):
        process.wait_for(when)
    else:
        process.wait(when)
    how(process)
    aftermath = ground.recover(old, version, way.verb, mend=mend)
    if way.restarts:
        assert longest_gap(aftermath.requests) < RESTART_SECONDS
    else:
        assert aftermath.failed == {}, aftermath.following.output
    return aftermath


def kill(process: Process) -> None:
    """SIGKILL to the whole process group."""
    process.kill()


def send(number: signal.Signals) -> Callable[[Process], object]:
    """A signal to the whole process group, as Ctrl-C or the end of a job sends it, after which it has to fail."""

    def sent(process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.process.pid, number)
        ended = process.end()
        assert ended.code != 0, ended.output

    return sent


@pytest.mark.parametrize(
    ("way", "phase"),
    [
        pytest.param(way, phase, marks=() if (way.name, phase) in QUICK else pytest.mark.thorough)
        for way, phase in BOUNDARIES
    ],
    ids=str,
)
def test_killed_after_a_phase(ground: Ground, way: Way, phase: str, report: Report) -> None:
    aftermath = strike(ground, way, phase, kill)
    report.keep("Kills", f"{way.name}: SIGKILL after {phase}", aftermath)


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS.values(), ids=str)
def test_killed_at_random_instants(
    ground: Ground, way: Way, chance: random.Random, report: Report, pytestconfig: pytest.Config
) -> None:
    _, version = ground.next()
    undisturbed = ground.app.run(way.verb, env="staging", version=version)
    assert undisturbed.code == 0, undisturbed.output
    kills, seed = pytestconfig.option.kills, pytestconfig.option.seed
    aftermaths = []
    for part in range(kills):
        # One in each part of the run, so that none of it is left out by chance.
        instant = undisturbed.seconds * (part + chance.random()) / kills
        print(f"{way.name}: SIGKILL after {instant:.3f} s", flush=True)
        aftermaths.append(strike(ground, way, instant, kill))
    fault = f"{way.name}: SIGKILL at {kills} random instants"
    report.keep("Kills", fault, *aftermaths, options=f" SEED={seed} KILLS={kills}")


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize(("way", "phase"), SIGNALLED, ids=str)
def test_signalled_after_a_phase(ground: Ground, way: Way, phase: str, number: signal.Signals, report: Report) -> None:
    aftermath = strike(ground, way, phase, send(number))
    report.keep("Kills", f"{way.name}: {number.name} after {phase}", aftermath)


@pytest.mark.thorough
@pytest.mark.parametrize(("way", "phase"), CUT_OFF, ids=str)
def test_ssh_is_cut_after_a_phase(ground: Ground, way: Way, phase: str, ssh: Ssh, report: Report) -> None:
    """As test_runs.py has it for blue_green."""

    def cut(process: Process) -> None:
        ssh.cut()
        ended = process.end()
        assert "cannot be reached over SSH" in ended.output, ended.output

    aftermath = strike(ground, way, phase, cut, ssh.mend, IMPATIENT)
    report.keep("Kills", f"{way.name}: SSH cut after {phase} for the rest of the run", aftermath)


@pytest.mark.parametrize("way", [WAYS["blue_green"]], ids=str)
def test_killed_while_a_release_is_watched_that_turns_out_bad(ground: Ground, report: Report) -> None:
    """The step on the target goes on without its controller, and takes the traffic back."""
    app, bad = ground.app, "1.0.13"
    old, version = ground.next()
    settings = {"deploy_soak_seconds": SOAK_SECONDS, "deploy_env": {"APP_FAULT_SECONDS": "8"}}
    process = app.start("deploy", env="staging", version=bad, **settings)
    wait_until(lambda: app.answer("staging")["version"] == bad)
    process.kill()
    back = wait_until(lambda: app.answer("staging")["version"] == old, SOAK_SECONDS)
    aftermath = ground.recover(old, version, meanwhile=bad)
    assert aftermath.failed == {}
    report.keep(
        "Kills",
        "blue_green: SIGKILL while a release is watched that turns out bad",
        aftermath,
        during="old and the bad one",
        after=f"old, {back:.1f} s later",
        following=f"a good release: completed, {aftermath.following.seconds:.1f} s",
    )


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, marks=() if name in ("blue_green", "canary") else pytest.mark.thorough)
        for name, way in WAYS.items()
    ],
    ids=str,
)
def test_phases_of_an_undisturbed_run(ground: Ground, way: Way) -> None:
    """The boundaries above are all there are: the proof looks at what the run has done, and does nothing."""
    _, version = ground.next()
    run = ground.app.run(way.verb, env="staging", version=version)
    assert run.code == 0, run.output
    seen = dict.fromkeys(event["phase"] for event in run.events if event["phase"])
    assert tuple(seen) == (*way.phases, "proof")
