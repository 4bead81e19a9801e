"""Disks that are full or read-only, and a clock that moves back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.integration.application import Application
from tests.integration.faults.bad_registry import BadRegistry
from tests.integration.faults.ground import Ground, under_load
from tests.integration.faults.report import Report
from tests.integration.target import STATE, Target
from tests.integration.verbs import Run

PORT = 8091
SMALL = "/var/lib/slipway-small"
SMALL_MIB = 20
GROUP = "Disk and clock"
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


@pytest.mark.usefixtures("mended")
def test_disk_that_is_full_at_the_ledger(small: Ground, report: Report) -> None:
    """The release has passed every check by then, and cannot be recorded."""
    target = small.app.target
    old, version = small.next()
    process = small.app.start("deploy", env="staging", version=version, deploy_soak_seconds=3)
    process.wait_for("health")
    fill(target)
    assert_says(process.end(), "No space left on device")
    aftermath = small.recover(old, version, mend=lambda: target.run("rm", BALLAST))
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep(GROUP, "disk full when the ledger is to be written", aftermath)


@pytest.mark.thorough
@pytest.mark.usefixtures("mended")
def test_disk_that_is_full_at_the_configuration(small: Ground, report: Report) -> None:
    target = small.app.target
    old, version = small.next()
    process = small.app.start("deploy", env="staging", version=version, deploy_env={"A": "new"})
    process.wait_for("preflight")
    fill(target)
    assert_says(process.end(), "No space left on device")
    aftermath = small.recover(old, version, mend=lambda: target.run("rm", BALLAST))
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep(GROUP, "disk full when the configuration is to be kept", aftermath)


@pytest.mark.thorough
def test_disk_that_is_full_at_the_pull(ground: Ground, registry: BadRegistry, mounts: Mounts, report: Report) -> None:
    """Docker Engine writes layers to this folder first."""
    old, version = ground.next(registry.fresh())
    mounts.add(DOWNLOADS, ["-t", "tmpfs", "-o", "size=64k", "tmpfs", DOWNLOADS])
    assert_says(ground.app.run("deploy", env="staging", version=version), r"no space left on device.*disk has room")
    aftermath = ground.recover(old, version, mend=mounts.clear)
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep(GROUP, "disk full at the pull", aftermath)


@pytest.mark.parametrize("place", [READ_ONLY[0], pytest.param(READ_ONLY[1], marks=pytest.mark.thorough)])
def test_file_system_that_is_read_only(ground: Ground, mounts: Mounts, place: str, report: Report) -> None:
    old, version = ground.next()
    mounts.add(place, ["--bind", place, place], ["-o", "remount,bind,ro", place])
    assert_says(ground.app.run("deploy", env="staging", version=version), r"(?i)read-only file system")
    aftermath = ground.recover(old, version, mend=mounts.clear)
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep(GROUP, f"{place} is read-only", aftermath)


def assert_says(ended: Run, expected: str) -> None:
    """The run failed, and its output says why."""
    assert ended.code != 0, ended.output
    assert re.search(expected, ended.output), ended.output


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
def test_clock_that_moves_back_an_hour(ground: Ground, an_hour_ahead: str, report: Report) -> None:
    """A run is killed while the clock is an hour ahead; its lock and its entries are from the future afterwards."""
    _, version = ground.next()
    future = {"ansible_python_interpreter": an_hour_ahead}
    done = ground.app.run("deploy", env="staging", version=version, **future)
    assert done.code == 0, done.output
    old, version = ground.next()
    process = ground.app.start("deploy", env="staging", version=version, **future)
    process.wait_for("health")
    process.kill()
    aftermath = ground.recover(old, version)
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep(GROUP, "clock moved back an hour after a run was killed", aftermath)
