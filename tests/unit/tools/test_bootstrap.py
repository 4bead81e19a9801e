"""The set-up: which interpreter it takes, and when it has nothing to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import bootstrap

MakeProgram = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path) -> MakeProgram:
    """Makes an executable below the test's folder, from its path and its shell commands."""

    def make(path: str, commands: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{commands}\n")
        file.chmod(0o755)
        return file

    return make


def test_newest_supported_interpreter_is_taken(program: MakeProgram) -> None:
    old = program("a/python3", "echo 3.11")
    program("b/python3.12", "echo 3.12")
    new = program("c/python3", "echo 3.14")
    path = os.pathsep.join(str(old.parent.parent / folder) for folder in "abc")
    assert bootstrap.find_interpreter(path) == new


def test_dead_shim_is_passed_over_for_the_interpreter_beside_it(program: MakeProgram) -> None:
    shim = program("manager/shims/python3.13", "echo 'command not found' >&2; exit 127")
    real = program("manager/versions/3.13.0/bin/python3", "echo 3.13")
    program("manager/versions/3.8.0/bin/python3", "echo 3.8")
    assert bootstrap.find_interpreter(str(shim.parent)) == real


def test_no_supported_interpreter(program: MakeProgram) -> None:
    old = program("a/python3", "echo 3.11")
    assert bootstrap.find_interpreter(str(old.parent)) is None


@pytest.mark.parametrize("commands", ["echo 3.13; exit 1", "echo nonsense", "exit 0"])
def test_interpreter_that_does_not_run_has_no_version(program: MakeProgram, commands: str) -> None:
    assert bootstrap.interpreter_version(program("python3", commands)) == (0, 0)


def test_activated_environment_is_no_candidate() -> None:
    path = os.pathsep.join([str(bootstrap.VENV / "bin"), "/usr/bin"])
    assert bootstrap.path_without_environment(path) == "/usr/bin"


def test_missing_interpreter_has_no_version(tmp_path: Path) -> None:
    assert bootstrap.interpreter_version(tmp_path / "absent") == (0, 0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: MakeProgram) -> Path:
    """A project whose environment a stamp says to be there; installing anything fails the test."""
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "uv.lock").write_text("version = 1")
    program(".venv/bin/python", "echo 3.13")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "ensure_uv", lambda: pytest.fail("installs uv"))
    bootstrap.STAMP.write_text(bootstrap.fingerprint())
    return tmp_path


def test_uv_of_the_machine_is_taken_when_it_is_the_pinned_one(
    program: MakeProgram, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "UV_HOME", tmp_path / "none")
    monkeypatch.setattr(bootstrap, "run", lambda *_: None)
    uv = program("bin/uv", f"echo uv {bootstrap.UV_VERSION}")
    monkeypatch.setenv("PATH", str(uv.parent), prepend=os.pathsep)
    assert bootstrap.ensure_uv() == str(uv)
    program("bin/uv", "echo uv 0.0.1")
    assert bootstrap.ensure_uv() == str(tmp_path / "none" / "bin" / "uv")


@pytest.mark.usefixtures("project")
def test_environment_that_fits_its_stamp_is_left_alone() -> None:
    bootstrap.ensure_environment()


def test_changed_lock_file_installs_again(project: Path) -> None:
    (project / "uv.lock").write_text("version = 2")
    with pytest.raises(pytest.fail.Exception, match="installs uv"):
        bootstrap.ensure_environment()


def test_environment_without_its_interpreter_installs_again(project: Path) -> None:
    (project / ".venv/bin/python").unlink()
    with pytest.raises(pytest.fail.Exception, match="installs uv"):
        bootstrap.ensure_environment()
