"""Commands beside each other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import tracks
from tools.steps import Step


def python(title: str, code: str) -> Step:
    return Step(title, [sys.executable, "-c", code])


def waits_for(path: Path) -> str:
    return f"import pathlib, time\nwhile not pathlib.Path({str(path)!r}).exists(): time.sleep(0.01)"


def test_tracks_run_at_the_same_time_and_each_in_its_order(tmp_path: Path) -> None:
    """Each track's first step waits for what the other's makes."""
    a, b = tmp_path / "a", tmp_path / "b"
    outcomes = tracks.run_together(
        [
            [python("one", f"open({str(a)!r}, 'w')\n{waits_for(b)}"), python("two", "")],
            [python("three", f"open({str(b)!r}, 'w')\n{waits_for(a)}")],
        ]
    )
    assert [outcome.step.title for outcome in outcomes] == ["one", "two", "three"]
    assert [outcome.code for outcome in outcomes] == [0, 0, 0]


def test_a_failed_step_does_not_end_its_track(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = tracks.run_together([[python("one", "print('last words'); exit(3)"), python("two", "")]])
    assert (first.code, second.code) == (3, 0)
    told = capfd.readouterr().out
    assert "one: FAILED (3)" in told
    assert "\nlast words\n" in told


def test_output_is_told_whole_and_at_the_start_of_its_lines(capfd: pytest.CaptureFixture[str]) -> None:
    tracks.run_together([[python("one", "print('a\\nb')")], [python("two", "print('c\\nd')")]])
    told = capfd.readouterr().out
    assert "\na\nb\n" in told
    assert "\nc\nd\n" in told


def test_long_steps_give_signs_of_life(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tracks, "HEARTBEAT_SECONDS", 0.05)
    beats = tmp_path / "beats"
    waited = python("one", f"print('at work', flush=True)\n{waits_for(beats)}")
    shown = tracks._Board.sign_of_life

    def beat(board: tracks._Board) -> None:
        shown(board)
        beats.touch()

    monkeypatch.setattr(tracks._Board, "sign_of_life", beat)
    tracks.run_together([[waited]])
    assert " s  one: " in capfd.readouterr().out
