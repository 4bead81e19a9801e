"""A step holds its environment while it works, and ends when its run has lost the lock or is gone."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils import lock, tenure

ROOT = Path(__file__).resolve().parents[3]
DEADLINE = 20.0
STEP = """
import sys, time
from pathlib import Path
from ansible_collections.slipway.core.plugins.module_utils import tenure
home, run, uncut = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with tenure.Tenure(home, run, uncut):
    Path(home, "begun").touch()
    while not Path(home, "finish").exists():
        time.sleep(0.01)
Path(home, "ended").touch()
"""


def now():
    return datetime.now(UTC)


def wait_for(condition):
    ends = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def launch(home, run, uncut=0, program=STEP):
    return subprocess.Popen(
        [sys.executable, "-c", program, str(home), run, str(uncut)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
        stdout=subprocess.PIPE,
    )


def start(home, run, uncut=0):
    process = launch(home, run, uncut)
    wait_for(lambda: (home / "begun").exists() or process.poll() is not None)
    return process


@pytest.fixture
def home(tmp_path):
    """An environment that run-1 has locked."""
    lock.acquire(str(tmp_path / "lock.json"), "alice", "host", "run-1", 300, now())
    return tmp_path


def take_over(home, lease=300):
    later = now() + timedelta(seconds=301)
    assert lock.acquire(str(home / "lock.json"), "bob", "host", "run-2", lease, later).acquired


def test_the_next_step_waits_for_the_one_at_work(home):
    first = start(home, "run-1")
    (home / "begun").unlink()
    second = launch(home, "run-1")
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(1)
    assert not (home / "begun").exists()
    (home / "finish").touch()
    assert (first.wait(DEADLINE), second.wait(DEADLINE)) == (0, 0)


def test_a_step_that_lost_the_lock_ends_at_once_and_says_why(home):
    step = start(home, "run-1")
    take_over(home)
    output, _ = step.communicate(timeout=DEADLINE)
    assert step.returncode != 0
    answer = json.loads(output)
    assert answer["failed"]
    assert "held by bob on host (run run-2)" in answer["msg"]
    assert not (home / "ended").exists()


def test_a_step_that_must_not_be_cut_short_goes_on(home):
    step = start(home, "run-1", uncut=60)
    take_over(home)
    with pytest.raises(subprocess.TimeoutExpired):
        step.wait(3 * tenure.BEAT_SECONDS)
    (home / "finish").touch()
    assert step.wait(DEADLINE) == 0


def test_whoever_took_the_lock_over_waits_as_long_as_such_a_step_may_take(home, monkeypatch):
    monkeypatch.setattr(tenure, "WAIT_SECONDS", 0.1)
    step = start(home, "run-1", uncut=60)
    take_over(home)
    threading.Timer(1.0, (home / "finish").touch).start()
    with tenure.Tenure(home, "run-2"):
        assert (home / "ended").exists()
    assert step.wait(DEADLINE) == 0


def test_and_no_longer(home, monkeypatch):
    monkeypatch.setattr(tenure, "WAIT_SECONDS", 0.1)
    step = start(home, "run-1", uncut=1)
    take_over(home)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"at work here for \d s although"), tenure.Tenure(home, "run-2"):
        pytest.fail("it has begun")
    assert 1.1 <= time.monotonic() - began < 5
    (home / "finish").touch()
    assert step.wait(DEADLINE) == 0


def test_what_a_step_may_take_holds_for_none_after_it(home, monkeypatch):
    monkeypatch.setattr(tenure, "WAIT_SECONDS", 0.1)
    with tenure.Tenure(home, "run-1", uncut=60):
        pass
    step = start(home, "run-1")
    with pytest.raises(TimeoutError, match=r"at work here for \d s although"), tenure.Tenure(home, "run-1"):
        pytest.fail("it has begun")
    (home / "finish").touch()
    assert step.wait(DEADLINE) == 0


def test_the_lease_goes_on_while_a_step_waits_for_another_one(home):
    first = start(home, "run-1", uncut=60)
    (home / "begun").unlink()
    take_over(home, lease=2)
    second = launch(home, "run-2")
    began = now()
    wait_for(
        lambda: began + timedelta(seconds=6) < lock.read(str(home / "lock.json")).expires < now() + timedelta(seconds=3)
    )
    assert not (home / "begun").exists()
    (home / "finish").touch()
    assert (first.wait(DEADLINE), second.wait(DEADLINE)) == (0, 0)


def test_a_run_without_the_lock_begins_nothing(home):
    take_over(home)
    with pytest.raises(lock.LockLost, match="held by bob"), tenure.Tenure(home, "run-1"):
        pytest.fail("it has begun")


def test_the_lease_goes_on_while_a_step_works(home):
    path = str(home / "lock.json")
    lock.release(path, "run-1")
    lock.acquire(path, "alice", "host", "run-1", 3, now())
    first = lock.read(path).expires
    step = start(home, "run-1")
    wait_for(lambda: lock.read(path).expires > first + timedelta(seconds=3))
    (home / "finish").touch()
    assert step.wait(DEADLINE) == 0
