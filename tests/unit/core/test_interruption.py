"""A run that is interrupted ends, whatever Ansible waits for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
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
DEADLINE_SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("strategy", ["linear", "stuck"])
def test_a_run_that_is_interrupted_ends(tmp_path: Path, strategy: str, number: signal.Signals) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK.format(strategy=strategy))
    process = subprocess.Popen(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", playbook],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_STRATEGY_PLUGINS": str(tmp_path), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    try:
        next(line for line in process.stdout if "First" in line)
        os.killpg(process.pid, number)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        process.kill()
    assert process.returncode != 0
    assert output.count("interrupted: run the same command again") == 1
