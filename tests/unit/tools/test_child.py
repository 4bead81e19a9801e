"""Long commands: what is shown while they run and when they fail."""

from __future__ import annotations

import pytest

from tools import child


def test_failed_command_shows_its_last_lines_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    script = "for i in $(seq 40); do echo line $i; done; echo the cause >&2; exit 7"
    with pytest.raises(child.SetupError, match=r"^Install it failed with exit code 7\. Look here\.$"):
        child.run("Install it", ["sh", "-c", script], advice="Look here.")
    printed = capsys.readouterr().out
    assert "the cause" in printed
    assert "line 40" in printed
    assert "line 9\n" not in printed


def test_long_command_says_that_it_is_at_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "HEARTBEAT", 0.05)
    child.run("Fetch", ["sh", "-c", "echo half way; sleep 0.3"])
    assert "still at work (0 s): half way" in capsys.readouterr().out


def test_missing_command_is_one_sentence() -> None:
    with pytest.raises(child.SetupError, match=r"Fetch failed: .*no-such-program"):
        child.run("Fetch", ["no-such-program"])
