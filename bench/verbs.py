"""One run of a verb on the lab, measured: wall time, tasks on the target, commands over SSH."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import ROOT, Lab
from tools.steps import environment


@dataclass(frozen=True)
class Measurement:
    """What one run took.

    :param seconds: wall time of the whole ``ansible-playbook`` process.
    :param tasks: tasks that sent at least one command through SSH.
    :param commands: all commands that went through SSH.
    """

    seconds: float
    tasks: int
    commands: int


def count(lines: list[str]) -> tuple[int, int]:
    """Tasks with a command over SSH, and such commands, from the lines of the callback ``round_trips``."""
    tasks = commands = 0
    fresh = False
    for line in lines:
        if line != "ssh":
            fresh = True
            continue
        commands += 1
        tasks += fresh
        fresh = False
    return tasks, commands


def measure(lab: Lab, verb: str, variables: dict[str, Any]) -> Measurement:
    """Run ``ansible-playbook <verb>.yml``; raises SystemExit with its output when it fails."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        notes = Path(folder, "round_trips")
        notes.touch()
        env = lab.environment | {
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "bench" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "round_trips",
            "BENCH_ROUND_TRIPS": str(notes),
            "SLIPWAY_EVENTS": str(Path(folder, "events.jsonl")),
        }
        began = time.monotonic()
        done = subprocess.run(
            ["ansible-playbook", f"{verb}.yml", "-e", json.dumps(variables)],
            cwd=ROOT,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if done.returncode:
            raise SystemExit(f"{verb}.yml failed:\n{done.stdout}{done.stderr}")
        return Measurement(seconds, *count(notes.read_text(encoding="utf-8").splitlines()))
