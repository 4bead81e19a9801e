"""One run of a verb on the lab, measured: wall time, first answer, tasks on the target, commands over SSH."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.prober import Prober
from bench.stage import Stage
from tests.lab import ROOT

# Seconds between two requests that look for the first answer, and so how exactly its time is known.
INTERVAL = 0.02


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
        with Prober(f"{stage.url()}/version", interval=INTERVAL) as prober:
            ended = stage.run(verb, good, environ=environ, **variables)
        lines = notes.read_text(encoding="utf-8").splitlines()
    first = min((answer.done for answer in prober.answers() if answer.version == awaits), default=None)
    return Measurement(ended.ended - ended.began, first and first - ended.began, *count(lines))
