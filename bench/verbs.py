"""One run of a verb on the lab, measured: wall time, first answer, tasks on the target, commands over SSH."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.first_answer import FirstAnswer
from bench.stage import Stage
from tests.lab import ROOT


@dataclass(frozen=True)
class Measurement:
    """What one run took.

    :param seconds: wall time of the whole ``ansible-playbook`` process.
    :param first: seconds from its start to the first answer of the release that was to serve; None for none.
    :param tasks: tasks that sent at least one command through SSH.
    :param commands: all commands that went through SSH.
    """

    seconds: float
    first: float | None
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


def measure(stage: Stage, verb: str, awaits: str = "", good: bool = True, **variables: Any) -> Measurement:
    """Run ``ansible-playbook <verb>.yml``.

    :param awaits: the version that is to answer, empty for none.
    :param good: whether the verb has to succeed; SystemExit with its output when it ends the other way.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        notes = Path(folder, "round_trips")
        notes.touch()
        environ = {
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "bench" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "round_trips",
            "BENCH_ROUND_TRIPS": str(notes),
        }
        with FirstAnswer(stage.url(), awaits) as first:
            began = time.monotonic()
            stage.run(verb, good, environ=environ, **variables)
            seconds = time.monotonic() - began
        lines = notes.read_text(encoding="utf-8").splitlines()
    return Measurement(seconds, first.seconds if awaits else None, *count(lines))
