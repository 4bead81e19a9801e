"""Run a verb the way a user does: ``ansible-playbook`` as a process of its own, from the project's root."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import inventories
from tests.lab import ROOT, Lab
from tools.steps import environment

NOISE = re.compile(r"Traceback|Task failed|Module failed|MODULE FAILURE|\[ERROR\]|\[WARNING\]|fatal:|object at 0x")
REFUSAL = "✗ "
DEADLINE_SECONDS = 180
RUNNING: set[Process] = set()


@dataclass(frozen=True)
class Run:
    """How a verb ended: exit code, all that it printed, its events, and its duration in seconds."""

    code: int
    output: str
    events: list[dict[str, Any]]
    seconds: float

    @property
    def changed(self) -> int:
        """How many steps the last line says were changed."""
        found = re.findall(r"done, changed=(\d+)", self.output)
        assert found, self.output
        return int(found[-1])

    @property
    def reason(self) -> str:
        """The one sentence that a refusal gives; fails the test when there is noise around it, or more."""
        assert self.code != 0, self.output
        noise = NOISE.search(self.output)
        assert noise is None, f"{noise}: {self.output}"
        reasons = [line.partition(REFUSAL)[2] for line in self.output.splitlines() if REFUSAL in line]
        assert len(reasons) == 1, self.output
        return reasons[0]


@dataclass(eq=False)
class Process:
    """A verb that is running, in a process group of its own."""

    process: subprocess.Popen[str]
    folder: tempfile.TemporaryDirectory[str]
    began: float = field(default_factory=time.monotonic)

    def events(self) -> list[dict[str, Any]]:
        """What has happened so far; a line that is still being written is left out."""
        path = Path(self.folder.name, "events.jsonl")
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def wait_for(self, phase: str, host: str = "") -> None:
        """Wait until a step of ``phase`` is over, on any host unless one is named."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not any(event["phase"] == phase and host in ("", event["host"]) for event in self.events()):
            assert self.process.poll() is None, f"it ended before {phase}: {self.end().output}"
            assert time.monotonic() < deadline, f"it did not get to {phase}"
            time.sleep(0.05)

    def wait(self, seconds: float) -> None:
        """Let it go on for so long after its start; less when it ends before."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, self.began + seconds - time.monotonic()))

    def wait_for_word(self, word: str) -> None:
        """Wait until it prints a line that holds this."""
        assert self.process.stdout is not None
        assert any(word in line for line in self.process.stdout), f"it ended before it said {word!r}"

    def workers(self) -> list[int]:
        """The processes of the steps that are at work, which have groups of their own."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]

    def kill(self) -> None:
        """Kill it and all that it started here, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.end()

    def end(self) -> Run:
        """Wait for its end."""
        output, _ = self.process.communicate(timeout=DEADLINE_SECONDS)
        run = Run(self.process.returncode, output, self.events(), time.monotonic() - self.began)
        self.folder.cleanup()
        RUNNING.discard(self)
        return run


def start(
    lab: Lab,
    verb: str,
    *arguments: str,
    variables: str,
    policy: dict[str, Any] | None = None,
    hosts: Sequence[str] = (),
    inventory: Path | None = None,
    environ: dict[str, str] | None = None,
) -> Process:
    """Start ``ansible-playbook <verb>.yml``.

    :param variables: extra variables as YAML; they go through a file, as an argument list is no place for secrets.
    :param policy: variables that the command line may not set; they go through an inventory of their own.
    :param hosts: those which get them, by default all of the lab.
    :param inventory: a second inventory, read after the lab's.
    :param environ: further environment variables.
    """
    folder = tempfile.TemporaryDirectory(prefix="slipway-test-")
    extra = Path(folder.name, "extra.yml")
    extra.write_text(variables, encoding="utf-8")
    env = (
        lab.environment
        | (environ or {})
        | {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "SLIPWAY_EVENTS": f"{folder.name}/events.jsonl",
        }
    )
    beside = [inventory] if inventory else []
    if policy:
        beside.insert(0, inventories.write(Path(folder.name, "policy.json"), policy, hosts or inventories.hosts(lab)))
    env["ANSIBLE_INVENTORY"] = ",".join([env["ANSIBLE_INVENTORY"], *map(str, beside)])
    # Where the inventory is an argument, that variable counts for nothing.
    further = [word for path in beside for word in ("-i", str(path))] if "-i" in arguments else []
    process = subprocess.Popen(
        ["ansible-playbook", f"{verb}.yml", "-e", f"@{extra}", *arguments, *further],
        cwd=ROOT,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    started = Process(process, folder)
    RUNNING.add(started)
    return started
