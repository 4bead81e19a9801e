"""After a CI job nobody is logged in to its VMs any more, with whatever it was cut short."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.lab import ROOT, Lab
from tools import credentials, ssh_sessions
from tools.steps import environment


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab.chosen()


def job(lab: Lab, folder: Path) -> dict[str, str]:
    """The environment of a job's steps, once its credentials are written and a session is open."""
    secrets = {
        "SLIPWAY_SSH_KEY": (lab.directory / "id_ed25519").read_text(encoding="ascii"),
        "SLIPWAY_KNOWN_HOSTS": (lab.directory / "known_hosts").read_text(encoding="ascii"),
    }
    folder.mkdir(exist_ok=True)
    exported = credentials.write({"RUNNER_TEMP": str(folder), **secrets})
    env = environment({**lab.environment, **exported})
    command = [".venv/bin/ansible", "staging", "--module-name", "ansible.builtin.raw", "--args", "true"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=60)
    return exported


@pytest.mark.parametrize("name", ["temp", "deep/" * 20 + "a b 🚢 %h"])
def test_removing_the_credentials_ends_the_sessions(lab: Lab, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    sessions = Path(job(lab, tmp_path / name)["ANSIBLE_SSH_CONTROL_PATH_DIR"])
    assert [it for it in sessions.iterdir() if it.is_socket()]
    assert sessions.stat().st_mode & 0o777 == 0o700
    assert ssh_sessions.processes(sessions)
    for _ in range(2):
        credentials.remove({"RUNNER_TEMP": str(tmp_path / name)})
        assert not ssh_sessions.processes(sessions)
        assert not sessions.exists()
        assert not (tmp_path / name / credentials.FOLDER).exists()


@pytest.mark.parametrize("cut_short", ["its folder was removed", "ssh hangs"])
def test_the_next_job_ends_what_a_killed_one_has_left(lab: Lab, tmp_path: Path, cut_short: str) -> None:
    sessions = Path(job(lab, tmp_path)["ANSIBLE_SSH_CONTROL_PATH_DIR"])
    (master,) = ssh_sessions.processes(sessions)
    if cut_short == "ssh hangs":
        os.kill(master, signal.SIGSTOP)
    else:
        for path in sessions.iterdir():
            path.unlink()
        sessions.rmdir()
    credentials.write({"RUNNER_TEMP": str(tmp_path), "SLIPWAY_VAULT_PASSWORD": "v"})
    assert not ssh_sessions.processes(sessions)
    credentials.remove({"RUNNER_TEMP": str(tmp_path)})


def test_a_verb_keeps_its_sessions_apart_by_inventory_and_key(lab: Lab, tmp_path: Path) -> None:
    env = environment({**lab.environment, "ANSIBLE_HOME": str(tmp_path)})
    env.pop("ANSIBLE_SSH_CONTROL_PATH_DIR", None)
    subprocess.run([".venv/bin/ansible-playbook", "status.yml"], cwd=ROOT, env=env, capture_output=True, timeout=60)
    try:
        sockets = [it for it in (tmp_path / "cp").rglob("*") if it.is_socket()]
        assert [len(it.parent.name) for it in sockets] == [8]
    finally:
        for folder in (tmp_path / "cp").iterdir():
            ssh_sessions.end(folder)
