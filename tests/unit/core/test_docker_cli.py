"""Finding a command line that can build, with stand-ins for Docker on PATH, and running a build."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils.docker_cli import (
    BuildError,
    find_builder,
    run_build,
)


def docker(folder: Path, version: str, buildx: bool = False) -> Path:
    """A stand-in for Docker's command line."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && echo "{version}" && exit 0\n'
        f'[ "$1 $2" = "buildx version" ] && {"echo github.com/docker/buildx v0.13" if buildx else "false"}\n'
    )
    program.chmod(0o755)
    return program


def search(*programs: Path) -> str:
    return os.pathsep.join(["/nowhere", *(str(program.parent) for program in programs)])


def find(*programs: Path) -> list[str]:
    return find_builder(search(*programs), os.environ)


def test_a_new_one_without_buildx_is_passed_over_for_an_old_one(tmp_path: Path) -> None:
    new = docker(tmp_path / "new", "Docker version 28.2.2, build e6534b4")
    old = docker(tmp_path / "old", "Docker version 20.10.24+dfsg1, build 297e128")
    assert find(new, old) == [str(old), "build"]


def test_buildx_is_used_where_it_is_there(tmp_path: Path) -> None:
    both = docker(tmp_path / "both", "Docker version 27.0.1, build abc", buildx=True)
    assert find(both) == [str(both), "buildx", "build", "--load"]


def test_what_is_not_docker_is_passed_over(tmp_path: Path) -> None:
    podman = docker(tmp_path / "podman", "podman version 4.3.1")
    with pytest.raises(BuildError, match="Docker is not installed here"):
        find(podman)


def test_without_any_that_can_build_each_is_named(tmp_path: Path) -> None:
    new = docker(tmp_path / "new", "Docker version 28.2.2, build e6534b4")
    ancient = docker(tmp_path / "ancient", "Docker version 1.13.1, build 092cba3")
    with pytest.raises(BuildError, match=rf"{new} 28\.2\.2, {ancient} 1\.13\.1 .*: install buildx"):
        find(new, ancient)


def test_the_output_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    run_build(["sh", "-c", "echo out; echo err >&2"], os.environ, log, 10)
    assert log.read_text().split() == ["out", "err"]


def test_a_build_that_fails_shows_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    with pytest.raises(BuildError) as caught:
        run_build(["sh", "-c", "seq 1 40; exit 3"], os.environ, log, 10)
    assert str(caught.value).splitlines()[1:] == [f"  {number}" for number in range(26, 41)]
    assert str(log) in str(caught.value)


def test_a_build_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    script = f"sleep 60 & echo $! > {mark}; wait"
    with pytest.raises(BuildError, match="took longer than 1 s and was ended"):
        run_build(["sh", "-c", script], os.environ, tmp_path / "build.log", 1)
    child = Path("/proc") / mark.read_text().strip() / "stat"
    deadline = time.monotonic() + 5
    while is_alive(child):
        assert time.monotonic() < deadline, "what the build started is still there"


def is_alive(stat: Path) -> bool:
    """Whether the process of a stat file of proc(5) is there and no zombie."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
