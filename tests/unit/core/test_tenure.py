"""A step holds its environment while it works, and ends when its run has lost the lock or is gone."""

import json
import os
import subprocess
import sys
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
home, run, yields = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "yields"
with tenure.Tenure(home, run, yields):
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


def start(home, run, yields="yields"):
    process = subprocess.Popen(
        [sys.executable, "-c", STEP, str(home), run, yields],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
        stdout=subprocess.PIPE,
    )
    wait_for(lambda: (home / "begun").exists() or process.poll() is not None)
    return process


@pytest.fixture
def home(tmp_path):
    """An environment that run-1 has locked."""
    lock.acquire(str(tmp_path / "lock.json"), "alice", "host", "run-1", 300, now())
    return tmp_path


def take_over(home):
    later = now() + timedelta(seconds=301)
    assert lock.acquire(str(home / "lock.json"), "bob", "host", "run-2", 300, later).acquired


def test_the_next_step_waits_for_the_one_at_work(home):
    first = start(home, "run-1")
    (home / "begun").unlink()
    second = subprocess.Popen(
        [sys.executable, "-c", STEP, str(home), "run-1", "yields"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
    )
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
    step = start(home, "run-1", "stays")
    take_over(home)
    with pytest.raises(subprocess.TimeoutExpired):
        step.wait(3 * tenure.BEAT_SECONDS)
    (home / "finish").touch()
    assert step.wait(DEADLINE) == 0


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
