"""Run a long command quietly: one line when it starts, a sign of life, its last words if it fails."""

from __future__ import annotations

import collections
import os
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTED = time.monotonic()
HEARTBEAT = 10.0
LAST_LINES = 15


class SetupError(Exception):
    """The set-up cannot go on; the text is one sentence with its cause and what to do."""


def say(text: str) -> None:
    """Print a line after the seconds since the program started."""
    print(f"{time.monotonic() - STARTED:6.1f}s  {text}", flush=True)


def run(title: str, command: list[str], env: dict[str, str] | None = None, advice: str = "") -> None:
    """Run a command from the project's root; every ten seconds say that it is still at work.

    ``env`` is added to the environment. Raises SetupError when the command is missing or fails, after printing
    its last lines; ``advice`` ends that sentence.
    """
    say(f"{title} …")
    began = time.monotonic()
    try:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise SetupError(f"{title} failed: {error}. {advice}".strip()) from error
    lines: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
    reader = threading.Thread(target=_collect, args=(child, lines), daemon=True)
    reader.start()
    while reader.is_alive():
        reader.join(HEARTBEAT)
        if reader.is_alive():
            latest = lines[-1][:90] if lines else "no output yet"
            say(f"  still at work ({time.monotonic() - began:.0f} s): {latest}")
    if child.wait() != 0:
        print("\n".join(f"          {line}" for line in lines), flush=True)
        raise SetupError(f"{title} failed with exit code {child.returncode}. {advice}".strip())


def _collect(child: subprocess.Popen[str], lines: collections.deque[str]) -> None:
    if child.stdout:
        lines.extend(line.strip() for line in child.stdout if line.strip())
