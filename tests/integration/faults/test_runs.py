"""Runs that meet each other, lose their connection, or meet something that does not answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.faults.ground import Ground, wait_until
from tests.integration.faults.report import Row, answered, troubles
from tests.integration.target import Target, run

SOCKET = "/var/run/docker.sock"
LISTENER = """
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
time.sleep(300)
"""
DROP = ["INPUT", "--protocol", "tcp", "--dport", "22", "--jump", "DROP"]


@pytest.fixture
def cut(target: Target) -> Iterator[list[str]]:
    """Dropping what comes to the target's port 22; taken back at the end."""
    yield DROP
    target.run("sh", "-c", f"while iptables --delete {' '.join(DROP)} 2>/dev/null; do :; done")


@pytest.mark.parametrize(
    "phase", ["lock", *(pytest.param(it, marks=pytest.mark.thorough) for it in ("health", "cut-over"))]
)
def test_ssh_is_cut_for_the_rest_of_the_run(
    ground: Ground, cut: list[str], phase: str, request: pytest.FixtureRequest
) -> None:
    app = ground.app
    old, version = ground.next()
    process = app.start("deploy", env="staging", version=version)
    process.wait_for(phase)
    app.target.run("iptables", "--insert", *cut)
    ended = process.end()
    assert ended.code != 0, ended.output
    assert re.search(r"myapp-staging cannot be reached over SSH", ended.output), ended.output
    after = app.answer("staging")["version"]
    during = ground.traffic.take()
    app.target.run("iptables", "--delete", *cut)
    following = app.run("deploy", env="staging", version=version)
    assert following.code == 0, following.output
    ground.assert_settled(version)
    everything = [*during, *ground.traffic.take()]
    assert {outcome.version for outcome in everything if outcome.version} <= {old, version}
    assert troubles(everything) == {}
    Row(
        group="Runs",
        fault=f"SSH cut after {phase}: the run ended {ended.seconds:.0f} s after its start",
        during=answered(during),
        after=after,
        following=f"completed, {following.seconds:.1f} s",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()


def test_a_second_operator_at_the_same_moment(ground: Ground, request: pytest.FixtureRequest) -> None:
    app = ground.app
    _, version = ground.next()
    both = [app.start("deploy", env="staging", version=version) for _ in range(2)]
    ended = [process.end() for process in both]
    assert sorted(run.code == 0 for run in ended) == [False, True], [run.output for run in ended]
    refused = next(run for run in ended if run.code)
    assert re.search(r"the lock is held by \S+ on \S+ \(run \S+\) since \S+ until \S+", refused.reason), refused.reason
    ground.assert_settled(version)
    after = app.answer("staging")["version"]
    following = app.run("deploy", env="staging", version=version)
    assert following.code == 0, following.output
    assert following.changed == 0
    everything = ground.traffic.take()
    assert troubles(everything) == {}
    Row(
        group="Runs",
        fault="a second operator deploys at the same moment, and is told who does",
        during=answered(everything),
        after=after,
        following="nothing to do",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()


def test_a_second_operator_who_waits(ground: Ground, request: pytest.FixtureRequest) -> None:
    app = ground.app
    _, version = ground.next()
    first = app.start("deploy", env="staging", version=version)
    first.wait_for("lock")
    second = app.start("deploy", env="staging", version=version, lock_wait=60)
    ended = [process.end() for process in (first, second)]
    assert [run.code for run in ended] == [0, 0], [run.output for run in ended]
    assert "for the lock, held by" in ended[1].output
    assert ended[1].changed == 0
    ground.assert_settled(version)
    everything = ground.traffic.take()
    assert troubles(everything) == {}
    Row(
        group="Runs",
        fault="a second operator deploys meanwhile, with -e lock_wait=60",
        during=answered(everything),
        after=version,
        following="both completed",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()


class Deaf:
    """Docker Engine's socket, which somebody else can hold who accepts connections and never answers."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def begin(self) -> None:
        """Nobody gets an answer any more."""
        self._target.run("mv", SOCKET, f"{SOCKET}.real")
        run(["docker", "exec", "--detach", self._target.machine, "python3", "-c", LISTENER, SOCKET])
        wait_until(lambda: self._target.run("sh", "-c", f"test -S {SOCKET} && echo yes || :") != "")

    def end(self) -> None:
        """Everybody gets one again."""
        self._target.run("sh", "-c", f"test ! -S {SOCKET}.real || mv -f {SOCKET}.real {SOCKET}")


@pytest.fixture
def engine(target: Target) -> Iterator[Deaf]:
    """Docker Engine, which answers at the end in any case."""
    made = Deaf(target)
    yield made
    made.end()


@pytest.mark.thorough
def test_docker_engine_that_does_not_answer(ground: Ground, engine: Deaf, request: pytest.FixtureRequest) -> None:
    app = ground.app
    _, version = ground.next()
    process = app.start("deploy", env="staging", version=version)
    process.wait_for("preflight")
    engine.begin()
    ended = process.end()
    assert ended.code != 0, ended.output
    assert f"Docker Engine does not answer on {SOCKET}" in ended.output
    engine.end()
    after = app.answer("staging")["version"]
    during = ground.traffic.take()
    following = app.run("deploy", env="staging", version=version)
    assert following.code == 0, following.output
    ground.assert_settled(version)
    everything = [*during, *ground.traffic.take()]
    assert troubles(everything) == {}
    Row(
        group="Runs",
        fault=f"Docker Engine does not answer after preflight: the run ended {ended.seconds:.0f} s after its start",
        during=answered(during),
        after=after,
        following=f"completed, {following.seconds:.1f} s",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()
