"""Denying an approval changes nothing at all, and giving one lets in what was shown."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests import inventories
from tests.integration.application import APPROVER, Application
from tests.lab import ROOT
from tools.steps import environment


def typed(promoted: Application, answer: bytes, folder: Path) -> tuple[int, str]:
    """Run approve.yml at a terminal and type ``answer`` when it asks; returns exit code and output."""
    variables = folder / "extra.yml"
    extra, policy = promoted.asked()
    variables.write_text(json.dumps(extra))
    lab = promoted.target.lab
    inventory = inventories.write(folder / "policy.json", policy, inventories.hosts(lab))
    ours, theirs = pty.openpty()
    env = lab.environment | {
        "ANSIBLE_INVENTORY": f"{lab.environment['ANSIBLE_INVENTORY']},{inventory}",
        "ANSIBLE_NOCOLOR": "1",
        "SLIPWAY_EVENTS": str(folder / "events.jsonl"),
    }
    process = subprocess.Popen(
        ["setsid", "--ctty", "ansible-playbook", "approve.yml", "-e", f"@{variables}"],
        cwd=ROOT,
        env=environment(env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.3)[0]:
            # It throws away what was typed before it began to listen, so that the answer may have to be given again.
            if b"Type your name" in output and listens(ours):
                os.write(ours, answer)
            continue
        try:
            output += os.read(ours, 4096)
        except OSError:  # the terminal is closed: it ended
            break
    os.close(ours)
    return process.wait(timeout=10), output.decode(errors="replace")


def listens(terminal: int) -> bool:
    """Whether the program at the other end reads keys instead of lines."""
    return not termios.tcgetattr(terminal)[3] & termios.ICANON


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"\r", "Nobody approved 1.0.2, and nothing was changed"),
        (b"mallory\r", "mallory may not approve for production, and nothing was changed"),
        (b"\x03a", "nothing was changed"),
    ],
    ids=["enter", "wrong name", "abort"],
)
def test_denied_at_the_prompt(promoted: Application, tmp_path: Path, answer: bytes, expected: str) -> None:
    with promoted.untouched():
        code, output = typed(promoted, answer, tmp_path)
    assert code != 0
    assert expected in output
    assert "Traceback" not in output


def test_nobody_there_to_ask(promoted: Application) -> None:
    with promoted.untouched():
        run = promoted.run("approve")
    assert run.code != 0
    assert run.reason.startswith("Nobody approved 1.0.2, and nothing was changed: run ansible-playbook approve.yml")


def test_approved_at_the_prompt(promoted: Application, tmp_path: Path) -> None:
    with promoted.ledger_restored("production"):
        code, output = typed(promoted, b"alice\r", tmp_path)
        assert code == 0, output
        approval = promoted.ledger("production")[-1]
    recorded = (approval["event"], approval["approved_by"], approval["approved_via"])
    assert recorded == ("approved", "alice", "prompt")
    assert approval["actor"]
    assert approval["digest"] == promoted.ledger("staging")[-1]["digest"]


def test_what_is_approved_is_a_digest_with_its_configuration_and_its_front(promoted: Application) -> None:
    changed = {"deploy_env": {"APP_ENVIRONMENT": "changed"}}
    secret = {"deploy_secret_env": {"TOKEN": "t0ken-of-production"}}
    with promoted.ledger_restored("production"):
        asked = promoted.run("approve", approved_by=APPROVER, proxy_maxconn=5000, **secret)
        assert asked.code == 0, asked.output
        assert "secrets_env.TOKEN: - → (set)" in asked.output
        assert "t0ken-of-production" not in asked.output
        assert "proxy_maxconn: 4000 → 5000" in asked.output
        for other, what, names in (
            (changed, "configuration", "deploy_env.APP_ENVIRONMENT, deploy_secret_env.TOKEN, "),
            (secret, "front", ""),
            ({"deploy_volumes": ["/:/host"], "deploy_user": "0:0"}, "configuration", "deploy_.*deploy_volumes, "),
        ):
            refusal = promoted.run("deploy", env="production", **other)
            assert refusal.code != 0
            expected = rf"needs a new approval, .* for the {what} [0-9a-f]{{16}}, and that is [0-9a-f]{{16}} now"
            expected += rf".* \(other settings: {names}.*proxy_maxconn.*\)"
            assert re.search(expected, refusal.reason), refusal.reason
        again = promoted.run("approve", approved_by=APPROVER, **changed)
        assert (again.code, again.changed) == (0, 1), again.output
        assert "env.APP_ENVIRONMENT: " in again.output
        assert promoted.run("deploy", "--check", env="production", **changed).code == 0
        first, second = promoted.ledger("production")[-2:]
    assert first["config"] != second["config"]
    assert first["digest"] == second["digest"]
