"""A run that is interrupted ends, whatever Ansible waits for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SHORT = """
- hosts: localhost
  gather_facts: false
  strategy: dropped
  tasks:
    - name: Wait | First
      ansible.builtin.debug:

    - name: Wait | Second
      ansible.builtin.debug:

    - name: Wait | Third
      ansible.builtin.debug:
"""
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  strategy: {strategy}
  tasks:
    - name: Wait | First
      ansible.builtin.debug:

    - name: Wait | Long
      ansible.builtin.wait_for:
        timeout: 120
"""
# As when a worker has died with the lock of Ansible's queue.
STUCK = """
import threading
from ansible.plugins.strategy.linear import StrategyModule as Linear

class StrategyModule(Linear):
    def cleanup(self):
        threading.Event().wait()
"""
# As when the signal comes before Python has noted a worker that it has started.
UNKNOWN = """
import multiprocessing.process
from pathlib import Path
from ansible.plugins.strategy.linear import StrategyModule as Linear

class StrategyModule(Linear):
    def _queue_task(self, host, task, task_vars, play_context):
        super()._queue_task(host, task, task_vars, play_context)
        if "Long" in task.get_name():
            multiprocessing.process._children.clear()
            self._tqm._workers[:] = [None] * len(self._tqm._workers)
            Path(__file__).with_name("started").touch()
"""
# As when the signal comes to a worker that Python is still starting.
EARLY = """
import os
import signal
from ansible.plugins.strategy.linear import StrategyModule as Linear

class StrategyModule(Linear):
    def _queue_task(self, host, task, task_vars, play_context):
        if "Long" in task.get_name():
            os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
        super()._queue_task(host, task, task_vars, play_context)
"""
# As when the signal comes while Python starts a worker.
DROPPED = """
import os
import signal
from ansible.plugins.strategy.linear import StrategyModule as Linear

class StrategyModule(Linear):
    def _queue_task(self, host, task, task_vars, play_context):
        if "Second" in task.get_name():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                pass
        super()._queue_task(host, task, task_vars, play_context)
"""
DEADLINE_SECONDS = 60


def left(folder: Path) -> list[str]:
    """The processes of a playbook in this folder that are still there, its workers included."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if str(folder) in path.read_text(encoding="utf-8") else []
    return found


def assert_nothing_is_left(folder: Path) -> None:
    deadline = time.monotonic() + 5
    while left(folder):
        assert time.monotonic() < deadline, f"still there: {left(folder)}"
        time.sleep(0.1)


def start(folder: Path, playbook: str) -> subprocess.Popen[str]:
    """Run a playbook, with the strategies in this folder."""
    path = folder / "playbook.yml"
    path.write_text(playbook)
    return subprocess.Popen(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", path],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_STRATEGY_PLUGINS": str(folder), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def told(process: subprocess.Popen[str]) -> str:
    """What it prints until it ends."""
    try:
        return process.communicate(timeout=DEADLINE_SECONDS)[0]
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("strategy", ["linear", "stuck"])
def test_a_run_that_is_interrupted_ends(tmp_path: Path, strategy: str, number: signal.Signals) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)
    process = start(tmp_path, PLAYBOOK.format(strategy=strategy))
    assert process.stdout
    try:
        next(line for line in process.stdout if "First" in line)
        os.killpg(process.pid, number)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        process.kill()
    assert process.returncode != 0
    assert_nothing_is_left(tmp_path)
    assert output.count("interrupted: run the same command again") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_worker_whose_start_is_interrupted_ends_too(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "unknown.py").write_text(UNKNOWN)
    process = start(tmp_path, PLAYBOOK.format(strategy="unknown"))
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (tmp_path / "started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, number)
        process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        process.kill()
    assert_nothing_is_left(tmp_path)


def test_a_worker_that_is_interrupted_while_it_starts_ends(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text(EARLY)
    process = start(tmp_path, PLAYBOOK.format(strategy="early"))
    output = told(process)
    assert process.returncode != 0, output
    assert_nothing_is_left(tmp_path)
    assert "interrupted" not in output


def test_an_interruption_that_python_drops_ends_the_run_after_the_step_at_work(tmp_path: Path) -> None:
    (tmp_path / "dropped.py").write_text(DROPPED)
    process = start(tmp_path, SHORT)
    output = told(process)
    assert process.returncode != 0, output
    assert_nothing_is_left(tmp_path)
    assert "interrupted: run the same command again" in output
    assert "First" in output
    assert "Third" not in output
