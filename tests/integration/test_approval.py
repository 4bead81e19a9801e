"""Denying an approval changes nothing at all."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.application import Application
from tests.lab import ROOT
from tools.steps import environment


@pytest.fixture(scope="module")
def serving(application: Application) -> Application:
    """Production serves a release, and staging has proven a newer one."""
    application.ship("staging", 1)
    application.ship("production", 1)
    application.ship("staging", 2)
    return application


def typed(serving: Application, answer: bytes, folder: Path) -> tuple[int, str]:
    """Run approve.yml at a terminal and type ``answer`` when it asks; returns exit code and output."""
    variables = folder / "extra.yml"
    variables.write_text(serving.extra())
    ours, theirs = pty.openpty()
    env = serving.target.lab.environment | {
        "ANSIBLE_NOCOLOR": "1",
        "SLIPWAY_EVENTS": str(folder / "events.jsonl"),
    }
    process = subprocess.Popen(
        ["ansible-playbook", "approve.yml", "-e", f"@{variables}"],
        cwd=ROOT,
        env=environment(env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    output, asked = b"", False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            output += os.read(ours, 4096)
        except OSError:  # the terminal is closed: it ended
            break
        if not asked and b"Type your name" in output:
            os.write(ours, answer)
            asked = True
    os.close(ours)
    assert asked, output
    return process.wait(timeout=60), output.decode(errors="replace")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"\r", "Nobody approved 1.0.2, and nothing was changed"),
        (b"mallory\r", "mallory may not approve for production, and nothing was changed"),
        (b"\x03a", "nothing was changed"),
    ],
    ids=["enter", "wrong name", "abort"],
)
def test_denied_at_the_prompt(serving: Application, tmp_path: Path, answer: bytes, expected: str) -> None:
    with serving.untouched():
        code, output = typed(serving, answer, tmp_path)
    assert code != 0
    assert expected in output
    assert "Traceback" not in output


def test_nobody_there_to_ask(serving: Application) -> None:
    with serving.untouched():
        run = serving.run("approve")
    assert "Nobody approved 1.0.2, and nothing was changed" in run.output
    assert run.code != 0


def test_nobody_there_to_ask_is_told_without_noise(serving: Application) -> None:
    assert "ansible-playbook approve.yml -e version=1.0.2" in serving.run("approve").reason


def test_approved_at_the_prompt(serving: Application, tmp_path: Path) -> None:
    code, output = typed(serving, b"alice\r", tmp_path)
    assert code == 0, output
    approval = serving.ledger("production")[-1]
    assert (approval["event"], approval["approved_by"], approval["approved_via"]) == ("approved", "alice", "prompt")
    assert approval["digest"] == serving.ledger("staging")[-1]["digest"]
