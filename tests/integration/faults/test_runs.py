"""Runs that meet each other, lose their connection, or meet something that does not answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.integration.faults.ground import Ground, wait_until
from tests.integration.faults.report import Report
from tests.integration.faults.ssh import Ssh
from tests.integration.target import Target, run

SOCKET = "/var/run/docker.sock"
LISTENER = """
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
time.sleep(300)
"""


@pytest.mark.parametrize(
    "phase", ["lock", *(pytest.param(it, marks=pytest.mark.thorough) for it in ("health", "cut-over"))]
)
def test_ssh_is_cut_for_the_rest_of_the_run(ground: Ground, ssh: Ssh, phase: str, report: Report) -> None:
    old, version = ground.next()
    process = ground.app.start("deploy", env="staging", version=version)
    process.wait_for(phase)
    ssh.cut()
    ended = process.end()
    assert ended.code != 0, ended.output
    assert re.search(r"myapp-staging cannot be reached over SSH", ended.output), ended.output
    aftermath = ground.recover(old, version, mend=ssh.mend)
    assert aftermath.failed == {}
    fault = f"SSH cut after {phase}: the run ended {ended.seconds:.0f} s after its start"
    report.keep("Runs", fault, aftermath)


def test_the_connection_breaks_just_when_the_release_has_been_recorded(ground: Ground, report: Report) -> None:
    """Nobody hears that it was: the run has failed, and so the old release serves."""
    old, version = ground.next()
    target = ground.app.target
    # A request that lasts keeps the step at work once the entry is written.
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(urlopen, ground.app.url("staging", "/slow?s=8"), timeout=60)
        process = ground.app.start("deploy", env="staging", version=version, deploy_warm_standby=0)
        wait_until(lambda: ground.live == version)
        target.run("pkill", "--full", "^sshd: .*notty")
        ended = process.end()
        asked.result()
    assert ended.code != 0, ended.output
    assert "cannot be reached over SSH" in ended.output, ended.output
    assert ground.live == old, ended.output
    ground.settle()
    aftermath = ground.recover(old, version)
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep("Runs", "SSH breaks once the release is recorded, before anybody hears of it", aftermath)


def test_a_second_operator_at_the_same_moment(ground: Ground, report: Report) -> None:
    old, version = ground.next()
    both = [ground.app.start("deploy", env="staging", version=version) for _ in range(2)]
    ended = [process.end() for process in both]
    assert sorted(run.code == 0 for run in ended) == [False, True], [run.output for run in ended]
    refused = next(run for run in ended if run.code)
    assert re.search(r"the lock is held by \S+ on \S+ \(run \S+\) since \S+ until \S+", refused.reason), refused.reason
    aftermath = ground.recover(old, version)
    assert aftermath.following.changed == 0
    assert aftermath.failed == {}
    report.keep("Runs", "a second operator deploys at the same moment, and is told who does", aftermath)


def test_a_second_operator_who_waits(ground: Ground, report: Report) -> None:
    old, version = ground.next()
    first = ground.app.start("deploy", env="staging", version=version)
    first.wait_for("lock")
    second = ground.app.start("deploy", env="staging", version=version, lock_wait=60)
    ended = [process.end() for process in (first, second)]
    assert [run.code for run in ended] == [0, 0], [run.output for run in ended]
    assert "for the lock, held by" in ended[1].output
    assert ended[1].changed == 0
    aftermath = ground.recover(old, version)
    assert aftermath.failed == {}
    report.keep("Runs", "a second operator deploys meanwhile, with -e lock_wait=60", aftermath)


def test_a_second_operator_who_is_killed_while_waiting(ground: Ground, report: Report) -> None:
    """The lock that becomes free is not taken by what is left of that run."""
    old, version = ground.next()
    first = ground.app.start("deploy", env="staging", version=version, deploy_soak_seconds=20)
    first.wait_for("lock")
    second = ground.app.start("deploy", env="staging", version=version, lock_wait=120)
    second.wait_for_word("for the lock, held by")
    waiting = second.workers()
    second.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in waiting), what="it waits on")
    ended = first.end()
    assert ended.code == 0, ended.output
    assert "lock.json" not in ground.app.target.run("ls", "-A", ground.app.home("staging")).split()
    aftermath = ground.recover(old, version)
    assert aftermath.following.changed == 0
    assert aftermath.failed == {}
    report.keep("Runs", "a second operator deploys meanwhile, and is killed while waiting", aftermath)


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
def test_docker_engine_that_does_not_answer(ground: Ground, engine: Deaf, report: Report) -> None:
    old, version = ground.next()
    process = ground.app.start("deploy", env="staging", version=version)
    process.wait_for("preflight")
    engine.begin()
    ended = process.end()
    assert ended.code != 0, ended.output
    assert f"Docker Engine does not answer on {SOCKET}" in ended.output
    aftermath = ground.recover(old, version, mend=engine.end)
    assert aftermath.failed == {}
    fault = f"Docker Engine does not answer after preflight: the run ended {ended.seconds:.0f} s after its start"
    report.keep("Runs", fault, aftermath)
