"""Run a repository's workflows with act, on this machine itself, as a self-hosted runner would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.secret_watch import SecretWatch
from tools.bootstrap import UV_HOME

ACT = Path(sys.executable).with_name("act")
DEADLINE_SECONDS = 300
SUMMARY = "Summary - "
# What tells of the run that the tests themselves may be a part of.
FOREIGN = ("GITHUB_", "RUNNER_", "SLIPWAY_", "ANSIBLE_")


@dataclass(frozen=True)
class WorkflowRun:
    """How a run ended.

    :param output: every line that was printed, secrets not masked.
    :param jobs: result of each job that was started, by its name.
    :param seconds: how long each job took, by its name.
    :param summaries: what each job wrote to its summary, by its name.
    :param seen: the secrets that were found in an argument list of some process.
    """

    code: int
    output: str
    jobs: dict[str, str]
    seconds: dict[str, float]
    summaries: dict[str, str]
    seen: set[str]


def dotenv(values: dict[str, str]) -> str:
    """Values as a file that act reads."""
    return "".join(f"{name}={json.dumps(value)}\n" for name, value in values.items())


def run(
    repository: Path,
    event: str,
    workflow: str,
    number: int,
    secrets: dict[str, str],
    variables: dict[str, str],
    folder: Path,
    payload: dict[str, Any],
    private: Iterable[str],
    *arguments: str,
) -> WorkflowRun:
    """Run one workflow.

    :param number: the run's number, as GitHub counts them.
    :param folder: for files of this run.
    :param payload: the event, as GitHub sends it.
    :param private: what no argument list may hold.
    :param arguments: further ones of act.
    """
    folder.mkdir(parents=True)
    files = {"secrets": dotenv(secrets), "vars": dotenv(variables), "event.json": json.dumps(payload)}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environment["PATH"] = f"{UV_HOME / 'bin'}{os.pathsep}{environment['PATH']}"
    command = [
        str(ACT),
        event,
        *("--workflows", f".github/workflows/{workflow}"),
        *(f"--platform={label}=-self-hosted" for label in ("self-hosted", "slipway-production", "ubuntu-latest")),
        *("--secret-file", str(folder / "secrets")),
        *("--var-file", str(folder / "vars")),
        *("--eventpath", str(folder / "event.json")),
        *("--env", f"GITHUB_RUN_NUMBER={number}"),
        *("--actor", "carol"),
        *("--action-cache-path", str(folder / "act")),
        "--action-offline-mode",
        "--no-cache-server",
        "--insecure-secrets",
        "--json",
        *arguments,
    ]
    process = subprocess.Popen(
        command,
        cwd=repository,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with SecretWatch(private) as watch:
        lines = _lines(process)
    return _told(process.wait(), lines, watch.seen)


def _lines(process: subprocess.Popen[str]) -> list[tuple[float, str]]:
    """Every line with the moment it came; ends the process when it takes too long."""
    assert process.stdout
    began = time.monotonic()
    lines = []
    for line in process.stdout:
        lines.append((time.monotonic(), line))
        if time.monotonic() - began > DEADLINE_SECONDS:
            process.kill()
    return lines


def _told(code: int, lines: list[tuple[float, str]], seen: set[str]) -> WorkflowRun:
    output: list[str] = []
    jobs: dict[str, str] = {}
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    summaries: dict[str, str] = {}
    for moment, line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            output.append(line.rstrip("\n"))
            continue
        job, text = str(event.get("job", "")).rpartition("/")[2].strip(), str(event.get("msg", ""))
        output.append(f"{job}: {text.rstrip()}")
        if job:
            first.setdefault(job, moment)
            last[job] = moment
        if "jobResult" in event:
            jobs[job] = event["jobResult"]
        if SUMMARY in text:
            summaries[job] = summaries.get(job, "") + text.partition(SUMMARY)[2]
    seconds = {job: last[job] - first[job] for job in first}
    return WorkflowRun(code, "\n".join(output), jobs, seconds, summaries, seen)
