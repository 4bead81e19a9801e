"""The keeper starts what nothing but SIGKILL has ended, and leaves alone what was asked to stop."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[3] / "ansible/roles/provision/files/keeper.py"


@pytest.fixture
def keeper(monkeypatch):
    spec = importlib.util.spec_from_file_location("keeper", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0)
    return module


class End(Exception):
    """Docker Engine has been watched for long enough."""


def watch(keeper, monkeypatch, happened, state="unless-stopped false /app"):
    """Let this happen; returns what was started."""
    started = []

    def docker(*arguments):
        if arguments[0] == "start":
            started.append(arguments[1])
        return state if arguments[0] == "inspect" else "ok"

    monkeypatch.setattr(keeper, "docker", docker)
    monkeypatch.setattr(keeper, "happenings", lambda: iter(happened))

    def stop(seconds):
        if seconds == keeper.RETRY_SECONDS:
            raise End

    monkeypatch.setattr(keeper.time, "sleep", stop)
    with pytest.raises(End):
        keeper.main()
    return started


KILLED = [("kill", "a", "9"), ("die", "a", "")]


def test_docker_kill(keeper, monkeypatch):
    assert watch(keeper, monkeypatch, KILLED) == ["a"]


@pytest.mark.parametrize(
    "happened",
    [
        [("kill", "a", "15"), ("die", "a", "")],
        [("kill", "a", "15"), ("kill", "a", "9"), ("die", "a", "")],
        [("die", "a", "")],
        [("kill", "b", "9"), ("die", "a", "")],
    ],
)
def test_what_was_asked_to_stop_or_ended_by_itself(keeper, monkeypatch, happened):
    assert watch(keeper, monkeypatch, happened) == []


@pytest.mark.parametrize("state", ["no false /standby", "unless-stopped true /app", ""])
def test_what_has_no_restart_policy_runs_or_is_gone(keeper, monkeypatch, state):
    assert watch(keeper, monkeypatch, KILLED, state) == []
