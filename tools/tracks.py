"""Run several lists of commands beside each other: each list in its order, each command's output whole at its end."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tools.steps import ROOT, Outcome, Step, environment

HEARTBEAT_SECONDS = 20.0


class _Board:
    """What is at work now, for the signs of life, and what has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._working: dict[str, Path] = {}
        self.outcomes: list[Outcome] = []

    def start(self, step: Step, output: Path) -> None:
        with self._lock:
            self._working[step.title] = output
            print(f"\n━━ {step.title}  (+{self._since():.0f} s)\n   $ {' '.join(step.command)}", flush=True)

    def end(self, outcome: Outcome, output: Path) -> None:
        with self._lock:
            del self._working[outcome.step.title]
            self.outcomes.append(outcome)
            verdict = "ended" if outcome.code == 0 else f"FAILED ({outcome.code})"
            print(f"\n━━ {outcome.step.title}: {verdict} after {outcome.seconds:.0f} s  (+{self._since():.0f} s)")
            print(output.read_text(encoding="utf-8", errors="replace").rstrip(), flush=True)

    def sign_of_life(self) -> None:
        with self._lock:
            for title, output in self._working.items():
                lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
                latest = next((line.strip() for line in reversed(lines) if line.strip()), "no output yet")
                print(f"   +{self._since():.0f} s  {title}: {latest[:100]}", flush=True)

    def _since(self) -> float:
        return time.monotonic() - self._began


def run_together(tracks: list[list[Step]]) -> list[Outcome]:
    """Run every track at the same time, to its end whatever fails; returns the outcomes in the order of the tracks."""
    board = _Board()
    with tempfile.TemporaryDirectory(prefix="slipway-check-") as folder:
        threads = [
            threading.Thread(target=_run, args=(track, board, Path(folder, str(number))))
            for number, track in enumerate(tracks)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            _join(threads, HEARTBEAT_SECONDS)
            board.sign_of_life()
    order = [step.title for track in tracks for step in track]
    return sorted(board.outcomes, key=lambda outcome: order.index(outcome.step.title))


def _join(threads: list[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _run(track: list[Step], board: _Board, folder: Path) -> None:
    folder.mkdir()
    for number, step in enumerate(track):
        output = folder / str(number)
        output.touch()
        board.start(step, output)
        began = time.monotonic()
        with output.open("wb") as file:
            done = subprocess.run(
                step.command,
                cwd=ROOT,
                env=environment(step.env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        board.end(Outcome(step, done.returncode, time.monotonic() - began), output)
