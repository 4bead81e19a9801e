"""Finding a Docker command line that can build with BuildKit, and building with it.

community.docker's build module needs buildx, which Debian's and Ubuntu's Docker packages do not bring; a
newer command line without buildx may come before one that can build on PATH.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Mapping

# Docker's command line built with BuildKit by itself from 18.09 until, from 23.0, it left that to buildx.
_BUILDKIT_FROM, _BUILDKIT_BEFORE = 18, 23
_QUESTION_TIMEOUT = 20
_LAST_LINES = 15


class BuildError(Exception):
    """Nothing can build, or the build failed; the message says why and what to do."""


def find_builder(search: str, environment: Mapping[str, str]) -> list[str]:
    """The start of a command line that builds with BuildKit, from the first program that can.

    :param search: folders to look in, as in PATH.
    :raises BuildError: none of them can.
    """
    seen = []
    for folder in dict.fromkeys(search.split(os.pathsep)):
        program = os.path.join(folder, "docker")
        if not os.access(program, os.X_OK):
            continue
        found = re.search(r"Docker version (\d+)\S*", _answer([program, "--version"], environment))
        if not found:
            continue
        if _answer([program, "buildx", "version"], environment):
            return [program, "buildx", "build", "--load"]
        if _BUILDKIT_FROM <= int(found.group(1)) < _BUILDKIT_BEFORE:
            return [program, "build"]
        seen.append(f"{program} {found.group(0)[len('Docker version ') :].rstrip(',')}")
    if seen:
        raise BuildError(
            f"No Docker command line can build here ({', '.join(seen)} has no buildx): install buildx, for "
            "instance with apt-get install docker-buildx or docker-buildx-plugin."
        )
    raise BuildError("Docker is not installed here: install it, for instance with apt-get install docker.io.")


def _answer(command: list[str], environment: Mapping[str, str]) -> str:
    """Output of a short command; empty when it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_QUESTION_TIMEOUT,
            check=False,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def run_build(command: list[str], environment: Mapping[str, str], log: Path, timeout: float) -> None:
    """Run a build, its output going to ``log`` line by line.

    :param timeout: seconds after which the build, and all it started, is ended.
    :raises BuildError: it failed; the message ends with the last lines of its output.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise BuildError(f"The build took longer than {timeout:g} s and was ended: see {log}.") from error
        finally:
            if process.poll() is None:
                # It may end by itself just now, which is no reason to tell of that instead.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code:
        raise BuildError(f"The image could not be built; {log} ends with:\n{_last_lines(log)}")


def push(program: str, name: str, log: Path, timeout: float) -> str:
    """Push one tag of an image; returns the digest that the push itself reports.

    :param log: file that gets the output.
    :raises BuildError: it failed, or told no digest.
    """
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                [program, "push", name],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BuildError(f"The push of {name} took longer than {timeout:g} s and was ended: see {log}.") from error
    if done.returncode:
        raise BuildError(f"{name} could not be pushed; {log} ends with:\n{_last_lines(log)}")
    told = re.findall(r": digest: (sha256:[0-9a-f]{64}) size: ", log.read_text(encoding="utf-8", errors="replace"))
    if not told:
        raise BuildError(f"The push of {name} told no digest, so that nobody knows what was pushed: see {log}.")
    return str(told[-1])


def _last_lines(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_LAST_LINES:])
