"""A timer stops only what has the mark of a standby, which is another thing than a restart policy."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils import lock, standby, standby_mark, tenure
from test_tenure import DEADLINE, wait_for


class FakeEngine:
    def __init__(self):
        self.policies = []

    def update_restart_policy(self, name, policy):
        self.policies.append((name, policy))


@pytest.fixture
def home(tmp_path):
    made = tmp_path / "app-staging"
    made.mkdir()
    return made


@pytest.fixture
def no_systemd(monkeypatch, tmp_path):
    monkeypatch.setattr(standby_mark, "SYSTEMD", tmp_path / "none")


@pytest.fixture
def systemd(monkeypatch, tmp_path):
    """A machine whose systemctl and systemd-run note how they are called, and wait while there is a file ``hangs``."""
    for name in ("systemctl", "systemd-run"):
        command = tmp_path / name
        wait = f'while [ -e "{tmp_path}/hangs" ]; do read -t 0.1 _ <>"{tmp_path}/fifo"; done'
        command.write_text(f'#!/bin/bash\necho {name} "$@" >>"{tmp_path}/calls"\n{wait}\n')
        command.chmod(0o755)
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(standby_mark, "SYSTEMD", tmp_path)
    monkeypatch.setattr(standby_mark, "CALL_SECONDS", 0.5)
    return tmp_path


WARM = {"name": "green", "id": "abc", "restart_policy": "unless-stopped"}


@pytest.mark.usefixtures("no_systemd")
def test_a_standby_stays_down_once_it_is_down(home):
    engine = FakeEngine()
    standby.keep_warm(engine, home, WARM, 600, 30)
    assert engine.policies == [("green", "no")]
    standby.keep_warm(engine, home, {**WARM, "restart_policy": "no"}, 600, 30)
    assert len(engine.policies) == 1


def test_an_earlier_timer_is_forgotten_and_the_new_one_has_its_seconds(home, systemd):
    standby.keep_warm(FakeEngine(), home, WARM, 600, 30)
    forget, start = (systemd / "calls").read_text().splitlines()
    assert forget == "systemctl stop slipway-app-staging-standby.timer"
    assert start.startswith("systemd-run --unit=slipway-app-staging-standby --on-active=600")


def test_who_gets_traffic_loses_its_timer_one_of_an_earlier_version_too(home, systemd):
    standby_mark.take_away(home)
    assert (systemd / "calls").read_text() == "systemctl stop slipway-app-staging-standby.timer\n"


def test_a_systemd_that_hangs_is_a_warning_and_no_obstacle(home, systemd):
    (systemd / "hangs").touch()
    with pytest.raises(standby.TimerError, match="green runs on until the next run, as systemd sets no timer"):
        standby.keep_warm(FakeEngine(), home, WARM, 600, 30)
    standby_mark.take_away(home)
    assert standby_mark.marked(home) == ""


def at_its_time(home):
    """What the timer of the container abc runs."""
    start = standby.timer(home, "abc", 600, 30)
    return start[start.index("flock") :]


@pytest.mark.parametrize("mark", ["abc", "another", ""])
@pytest.mark.parametrize("policy", ["no", "unless-stopped"])
@pytest.mark.usefixtures("no_systemd")
def test_only_what_is_a_standby_still_is_stopped(home, tmp_path, policy, mark):
    """Its restart policy may be "no" because its user wants that, and says nothing."""
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" = inspect ] && echo "{policy}" || echo "$@" >"{tmp_path}/called"\n')
    docker.chmod(0o755)
    if mark:
        standby_mark.put(home, mark)
    subprocess.run(at_its_time(home), env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)
    called = tmp_path / "called"
    assert called.exists() is (mark == "abc")
    assert mark != "abc" or called.read_text().split() == ["stop", "--time", "30", "abc"]


@pytest.mark.usefixtures("no_systemd")
def test_a_timer_looks_and_stops_when_no_step_is_at_work(home, tmp_path):
    """A step that gives the standby its traffic takes the mark away, and the timer finds none afterwards."""
    (tmp_path / "docker").write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n")
    (tmp_path / "docker").chmod(0o755)
    lock.acquire(str(home / "lock.json"), "alice", "laptop", "run-1", 300, datetime.now(UTC))
    standby_mark.put(home, "abc")
    with tenure.Tenure(home, "run-1"):
        fired = subprocess.Popen(at_its_time(home), env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        wait_for(lambda: f"-> FLOCK  ADVISORY  WRITE {fired.pid} " in Path("/proc/locks").read_text())
        standby_mark.take_away(home)
    assert fired.wait(DEADLINE) != 0
    assert not (tmp_path / "called").exists()


@pytest.mark.usefixtures("no_systemd")
def test_a_step_waits_as_long_as_the_stop_of_a_standby_may_take(home, tmp_path):
    goes_on = tmp_path / "goes_on"
    os.mkfifo(goes_on)
    (tmp_path / "docker").write_text(f"#!/bin/sh\nread _ <{goes_on}\n")
    (tmp_path / "docker").chmod(0o755)
    standby_mark.put(home, "abc")
    fired = subprocess.Popen(at_its_time(home), env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    with goes_on.open("w"):
        assert int((home / tenure.WORK).read_text()) == 30 + standby.STOP_SECONDS
    assert fired.wait(DEADLINE) != 0


@pytest.mark.usefixtures("no_systemd")
def test_what_gets_traffic_is_no_standby(home):
    standby.keep_warm(FakeEngine(), home, WARM, 600, 30)
    assert standby_mark.marked(home) == "abc"
    standby_mark.take_away(home)
    assert standby_mark.marked(home) == ""
