"""The keeper starts what nothing but SIGKILL has ended, and leaves alone what was asked to stop."""

import importlib.util
import json
import os
from pathlib import Path
from types import SimpleNamespace

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


def watch(keeper, monkeypatch, happened, state="unless-stopped false /app", ended_by=""):
    """Let this happen; returns what was started."""
    started = []

    def docker(*arguments):
        if arguments[0] == "start":
            started.append(arguments[1])
        return {"inspect": state, "events": ended_by}.get(arguments[0], "ok")

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
RELOADED = [("kill", "a", "12")]


def test_docker_kill(keeper, monkeypatch):
    assert watch(keeper, monkeypatch, KILLED) == ["a"]


@pytest.mark.parametrize(
    "happened",
    [
        [("kill", "a", "15"), ("die", "a", "")],
        [("kill", "a", "15"), ("kill", "a", "9"), ("die", "a", "")],
        [("die", "a", "")],
        [("kill", "b", "9"), ("die", "a", "")],
        [("kill", "a", "9"), ("start", "a", ""), ("die", "a", "")],
    ],
)
def test_what_was_asked_to_stop_or_ended_by_itself(keeper, monkeypatch, happened):
    assert watch(keeper, monkeypatch, happened) == []


@pytest.mark.parametrize("state", ["no false /standby", "unless-stopped true /app", ""])
def test_what_has_no_restart_policy_runs_or_is_gone(keeper, monkeypatch, state):
    assert watch(keeper, monkeypatch, KILLED, state) == []


@pytest.mark.parametrize("signal", ["12", "10", "1", "28"], ids=["USR2", "USR1", "HUP", "WINCH"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_reload_asks_nobody_to_end(keeper, monkeypatch, signal, times):
    assert watch(keeper, monkeypatch, [("kill", "a", signal)] * times + KILLED) == ["a"]


def test_every_kill_between_reloads(keeper, monkeypatch):
    again = [*RELOADED, *KILLED, ("start", "a", "")]
    assert watch(keeper, monkeypatch, again * 3) == ["a"] * 3


@pytest.mark.parametrize(("name", "number"), [("SIGUSR1", "10"), ("USR1", "10"), ("10", "10"), ("SIGRTMIN+3", "37")])
def test_the_stop_signal_of_an_image_asks_as_well(keeper, monkeypatch, name, number):
    asked = [("kill", "a", number), *KILLED]
    assert watch(keeper, monkeypatch, asked, f"unless-stopped false /proxy {name}") == []
    assert watch(keeper, monkeypatch, [*RELOADED, *KILLED], f"unless-stopped false /proxy {name}") == ["a"]


def test_docker_stop_is_left_alone_however_long_it_has_waited(keeper, monkeypatch):
    assert watch(keeper, monkeypatch, KILLED, ended_by="kill\ndie\nstop\n") == []


def clock(keeper, monkeypatch, happened):
    """Let time pass where a number stands between what happens."""
    now = [0.0]
    monkeypatch.setattr(
        keeper, "time", SimpleNamespace(monotonic=lambda: now[0], time=lambda: now[0], sleep=keeper.time.sleep)
    )
    for it in happened:
        if isinstance(it, float):
            now[0] += it
        else:
            yield it


def test_a_signal_that_was_survived_is_forgotten(keeper, monkeypatch):
    happened = clock(keeper, monkeypatch, [("kill", "a", "15"), keeper.ASKED_SECONDS, *KILLED])
    assert watch(keeper, monkeypatch, happened) == ["a"]


def test_one_that_was_sent_before_it_was_started_again_is_forgotten(keeper, monkeypatch):
    happened = [("kill", "a", "15"), ("die", "a", ""), ("start", "a", ""), *KILLED]
    assert watch(keeper, monkeypatch, happened) == ["a"]


def test_weeks_of_containers_that_come_and_go_leave_nothing_behind(keeper, monkeypatch):
    memory = keeper.Memory()
    happened = [it for number in range(2000) for it in (("kill", f"c{number}", "12"), 60.0)]
    monkeypatch.setattr(keeper, "happenings", lambda: clock(keeper, monkeypatch, happened))
    keeper.follow(memory)
    assert len(memory) <= keeper.ASKED_SECONDS / 60


DOCKER = """#!/bin/sh
echo "$*" >>"$0.calls"
case "$1 $*" in
  *--until=*) ;;
  "events "*) cat "$0.events"; rm "$0.events" ;;
  "inspect "*) echo unless-stopped false /app ;;
  *) echo ok ;;
esac
"""


def test_nothing_is_missed_while_docker_engine_is_started_again(keeper, monkeypatch, tmp_path):
    """With a program in place of Docker's: its stream ends between the reload and the kill, and begins anew."""
    program = tmp_path / "docker"
    program.write_text(DOCKER, encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    streams = iter([[*RELOADED, ("kill", "b", "15")], KILLED, []])
    nano = iter(range(1795842293666289871, 2**63))

    def stream(seconds=keeper.RETRY_SECONDS):
        if seconds != keeper.RETRY_SECONDS:
            return
        happened = next(streams, None)
        if happened is None:
            raise End
        lines = [
            json.dumps({"Action": action, "timeNano": next(nano), "Actor": {"ID": of, "Attributes": {"signal": sent}}})
            for action, of, sent in happened
        ]
        (tmp_path / "docker.events").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")

    monkeypatch.setattr(keeper.time, "sleep", stream)
    stream()
    with pytest.raises(End):
        keeper.main()
    calls = (tmp_path / "docker.calls").read_text(encoding="ascii").splitlines()
    assert "start a" in calls
    assert "start b" not in calls
    streamed = [call for call in calls if call.startswith("events") and "--until" not in call]
    assert [call.split()[1] for call in streamed[1:]] == [
        "--since=1795842293.666289873",
        "--since=1795842293.666289875",
    ]
    assert all(f"--filter=label={keeper.LABEL}" in call for call in streamed)


def test_a_docker_that_does_not_answer_is_given_up(keeper, monkeypatch, tmp_path):
    (tmp_path / "docker").write_text("#!/bin/sh\nexec sleep 60\n", encoding="ascii")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(keeper, "ANSWER_SECONDS", 0.1)
    assert keeper.docker("start", "a") == ""
