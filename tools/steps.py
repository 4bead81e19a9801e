"""Run commands one after another and say where we are: a line a step, with elapsed time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Step:
    """One command of a longer job, with what it is for; ``env`` is added to its environment."""

    title: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a step ended: its exit code and its duration in seconds."""

    step: Step
    code: int
    seconds: float


def environment(extra: dict[str, str]) -> dict[str, str]:
    """The environment of every step: the project's own programs first, and UTF-8 output."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUTF8": "1", **extra}


def run(steps: list[Step], keep_going: bool = False) -> list[Outcome]:
    """Run the steps from the project's root; stops at the first that fails unless ``keep_going``."""
    started = time.monotonic()
    outcomes = []
    for number, step in enumerate(steps, 1):
        since = time.monotonic() - started
        print(f"\n━━ {number}/{len(steps)}  {step.title}  (+{since:.0f} s)", flush=True)
        print(f"   $ {' '.join(step.command)}", flush=True)
        began = time.monotonic()
        done = subprocess.run(step.command, cwd=ROOT, env=environment(step.env), check=False)
        outcomes.append(Outcome(step, done.returncode, time.monotonic() - began))
        if done.returncode and not keep_going:
            break
    return outcomes


def summary(outcomes: list[Outcome], planned: int) -> int:
    """Print how every step went; returns the exit code of the whole."""
    print("\n━━ Summary", flush=True)
    for outcome in outcomes:
        verdict = "ok    " if outcome.code == 0 else f"FAILED ({outcome.code})"
        print(f"   {verdict} {outcome.seconds:7.1f} s  {outcome.step.title}")
    if len(outcomes) < planned:
        print(f"   not run: {planned - len(outcomes)} steps after the failed one")
    failed = [outcome.step.title for outcome in outcomes if outcome.code]
    total = sum(outcome.seconds for outcome in outcomes)
    print(f"   {'FAILED: ' + ', '.join(failed) if failed else 'all ok'}, {total:.0f} s of work in all", flush=True)
    sys.stdout.flush()
    return 1 if failed else 0
