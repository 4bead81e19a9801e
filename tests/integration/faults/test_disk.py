"""Disks that are full or read-only, and a clock that moves back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.integration.application import Application
from tests.integration.faults.bad_registry import BadRegistry
from tests.integration.faults.ground import Ground, under_load
from tests.integration.faults.report import Row, answered, troubles
from tests.integration.target import STATE, Target
from tests.integration.verbs import Run

PORT = 8091
SMALL = "/var/lib/slipway-small"
SMALL_MIB = 20
FRESH_BUILD = 92
# The state of the environments, and where Docker Engine makes containers.
READ_ONLY = (STATE, "/var/lib/docker/containers")
DOWNLOADS = "/var/lib/docker/tmp"
BALLAST = f"{SMALL}/ballast"


@pytest.fixture(scope="module")
def small(target: Target, make: Callable[..., Application]) -> Iterator[Ground]:
    """An application whose ledger is on a small file system of its own."""
    target.run("mkdir", "-p", SMALL)
    target.run("mount", "-t", "tmpfs", "-o", f"size={SMALL_MIB}m,mode=0700", "tmpfs", SMALL)
    app = make(PORT, ledger_directory=SMALL)
    app.state = SMALL
    try:
        with under_load(app) as ground:
            yield ground
    finally:
        app.target.forget(app.name)
        target.run("umount", SMALL)


@dataclass
class Mounts:
    """What is mounted on top of folders of the target for a while."""

    target: Target
    places: list[str] = field(default_factory=list)

    def add(self, place: str, *commands: list[str]) -> None:
        """Mount something on a folder."""
        for command in commands:
            self.target.run("mount", *command)
            if place not in self.places:
                self.places.append(place)

    def clear(self) -> None:
        """Take it away again."""
        while self.places:
            self.target.run("umount", self.places.pop())


@pytest.fixture
def mounts(target: Target) -> Iterator[Mounts]:
    """Nothing is mounted any more at the end."""
    made = Mounts(target)
    yield made
    made.clear()


@pytest.fixture
def mended(target: Target) -> Iterator[None]:
    """There is room again at the end."""
    yield
    target.run("rm", "-f", BALLAST)


def fill(target: Target) -> None:
    """Leave no byte free."""
    target.run("sh", "-c", f"dd if=/dev/zero of={BALLAST} bs=64k 2>/dev/null || :")


def keep(ground: Ground, fault: str, ended: Run, request: pytest.FixtureRequest, mend: Callable[[], object]) -> None:
    """The old release served all the time, and the same command completes once that is mended."""
    app, old = ground.app, ground.app.answer("staging")["version"]
    during = ground.traffic.take()
    mend()
    version = f"1.0.{ground.build}"
    assert old != version, ended.output
    following = app.run("deploy", env="staging", version=version)
    assert following.code == 0, following.output
    ground.assert_settled(version)
    everything = [*during, *ground.traffic.take()]
    assert {outcome.version for outcome in everything if outcome.version} <= {old, version}
    assert troubles(everything) == {}
    Row(
        group="Disk and clock",
        fault=fault,
        during=answered(during),
        after=old,
        following=f"completed, {following.seconds:.1f} s",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()


@pytest.mark.usefixtures("mended")
def test_disk_that_is_full_at_the_ledger(small: Ground, request: pytest.FixtureRequest) -> None:
    """The release has passed every check by then, and cannot be recorded."""
    target = small.app.target
    _, version = small.next()
    process = small.app.start("deploy", env="staging", version=version, deploy_soak_seconds=3)
    process.wait_for("health")
    fill(target)
    ended = process.end()
    assert ended.code != 0, ended.output
    assert re.search(r"No space left on device", ended.output), ended.output
    keep(small, "disk full when the ledger is to be written", ended, request, lambda: target.run("rm", BALLAST))


@pytest.mark.thorough
@pytest.mark.usefixtures("mended")
def test_disk_that_is_full_at_the_configuration(small: Ground, request: pytest.FixtureRequest) -> None:
    target = small.app.target
    _, version = small.next()
    process = small.app.start("deploy", env="staging", version=version, deploy_env={"A": "new"})
    process.wait_for("preflight")
    fill(target)
    ended = process.end()
    assert ended.code != 0, ended.output
    assert re.search(r"No space left on device", ended.output), ended.output
    keep(small, "disk full when the configuration is to be kept", ended, request, lambda: target.run("rm", BALLAST))


@pytest.mark.thorough
def test_disk_that_is_full_at_the_pull(
    ground: Ground, registry: BadRegistry, mounts: Mounts, request: pytest.FixtureRequest
) -> None:
    """Docker Engine writes layers to this folder first."""
    version = registry.fresh(FRESH_BUILD)
    ground.settle()
    old = ground.build
    mounts.add(DOWNLOADS, ["-t", "tmpfs", "-o", "size=64k", "tmpfs", DOWNLOADS])
    ended = ground.app.run("deploy", env="staging", version=version)
    assert ended.code != 0, ended.output
    assert re.search(r"no space left on device.*disk has room", ended.output), ended.output
    ground.build = FRESH_BUILD
    keep(ground, "disk full at the pull", ended, request, mounts.clear)
    back = ground.app.run("rollback", env="staging", version=f"1.0.{old}")
    assert back.code == 0, back.output
    ground.build = old


@pytest.mark.parametrize("place", [READ_ONLY[0], pytest.param(READ_ONLY[1], marks=pytest.mark.thorough)])
def test_file_system_that_is_read_only(
    ground: Ground, mounts: Mounts, place: str, request: pytest.FixtureRequest
) -> None:
    _, version = ground.next()
    mounts.add(place, ["--bind", place, place], ["-o", "remount,bind,ro", place])
    ended = ground.app.run("deploy", env="staging", version=version)
    assert ended.code != 0, ended.output
    assert re.search(r"(?i)read-only file system", ended.output), ended.output
    keep(ground, f"{place} is read-only", ended, request, mounts.clear)


@pytest.fixture
def an_hour_ahead(target: Target) -> str:
    """A Python for the target whose clock is an hour ahead."""
    path = "/usr/local/bin/python-ahead"
    install = "command -v faketime || (apt-get update -q && apt-get install -qy --no-install-recommends faketime)"
    target.run("sh", "-c", f"({install}) >/dev/null 2>&1")
    script = b'#!/bin/sh\nexec faketime -f +1h /usr/bin/python3 "$@"\n'
    target.run("sh", "-c", f"cat > {path} && chmod +x {path}", given=script)
    return path


@pytest.mark.thorough
def test_clock_that_moves_back_an_hour(ground: Ground, an_hour_ahead: str, request: pytest.FixtureRequest) -> None:
    """A run is killed while the clock is an hour ahead; its lock and its entries are from the future afterwards."""
    _, version = ground.next()
    future = {"ansible_python_interpreter": an_hour_ahead}
    done = ground.app.run("deploy", env="staging", version=version, **future)
    assert done.code == 0, done.output
    old, version = ground.next()
    process = ground.app.start("deploy", env="staging", version=version, **future)
    process.wait_for("health")
    process.kill()
    during = ground.traffic.take()
    following = ground.app.run("deploy", env="staging", version=version)
    assert following.code == 0, following.output
    ground.assert_settled(version)
    everything = [*during, *ground.traffic.take()]
    assert troubles(everything) == {}
    Row(
        group="Disk and clock",
        fault="clock moved back an hour after a run was killed",
        during=answered(during),
        after=old,
        following=f"completed, {following.seconds:.1f} s",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()
