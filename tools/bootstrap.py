"""Make everything ready: uv, the locked environment in .venv, Docker Engine.

``python3 -m tools.bootstrap [environment]`` needs Python 3.9 or later and nothing else. Run again, it does only
what is missing; with ``environment`` it leaves Docker alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import engine, packages
from tools.child import ROOT, SetupError, run, say

UV_VERSION = "0.13.9"
CACHE = ROOT / ".cache"
UV_HOME = CACHE / "uv"
VENV = ROOT / ".venv"
STAMP = CACHE / "environment"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
OLDEST, NEWEST = (3, 12), (3, 14)


def certificates() -> dict[str, str]:
    """Environment variables that make pip and uv trust the system's authorities, a private one included."""
    if not CA_BUNDLE.is_file():
        return {}
    return {
        "REQUESTS_CA_BUNDLE": os.environ.get("REQUESTS_CA_BUNDLE", str(CA_BUNDLE)),
        "UV_SYSTEM_CERTS": "1",
    }


def ensure_uv() -> str:
    """The program of the pinned uv: the machine's, or one that pip installs into a folder of its own.

    pip knows the machine's package index.
    """
    own = str(UV_HOME / "bin" / "uv")
    for uv in (own, shutil.which("uv")):
        if uv and uv_version(uv) == UV_VERSION:
            return uv
    probe = subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False)
    if probe.returncode != 0:
        packages.install("Python's venv", ["python3-venv"])
    run("Make a place for uv", [sys.executable, "-m", "venv", "--clear", str(UV_HOME)])
    pip = [str(UV_HOME / "bin" / "pip"), "install", "--disable-pip-version-check", f"uv=={UV_VERSION}"]
    run(f"Install uv {UV_VERSION}", pip, certificates(), "Check that pip can reach a package index.")
    return own


def uv_version(uv: str) -> str:
    """The version of a uv program; empty if it does not run."""
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.removeprefix("uv ").partition(" ")[0].strip()


def interpreter_version(python: Path) -> tuple[int, int]:
    """The version of an interpreter, by running it; (0, 0) if it does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = re.fullmatch(r"(\d+)\.(\d+)", answer.stdout.strip())
    return (int(match[1]), int(match[2])) if match and answer.returncode == 0 else (0, 0)


def interpreter_candidates(path: str) -> list[Path]:
    """Files on PATH that may be an interpreter we can use.

    A version manager puts a folder named ``shims`` on PATH, whose programs may refuse to run although the
    interpreter is there: those beside it count as well.
    """
    found = []
    for folder in map(Path, filter(None, path.split(os.pathsep))):
        found += [folder / f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        found.append(folder / "python3")
        if folder.name == "shims":
            found += sorted(folder.parent.glob("versions/*/bin/python3"))
    return [python for python in found if os.access(python, os.X_OK)]


def find_interpreter(path: str) -> Path | None:
    """The newest interpreter on PATH that runs and that the project supports; None if there is none."""
    versions = {python: interpreter_version(python) for python in interpreter_candidates(path)}
    usable = [python for python, version in versions.items() if OLDEST <= version <= NEWEST]
    return max(usable, key=lambda python: versions[python], default=None)


def fingerprint() -> str:
    """What the environment is made from, as a hash."""
    wanted = hashlib.sha256(UV_VERSION.encode())
    for name in ("pyproject.toml", "uv.lock"):
        wanted.update((ROOT / name).read_bytes())
    return wanted.hexdigest()


def ensure_environment() -> None:
    """Install the locked packages into .venv, unless a stamp says that they are there."""
    wanted = fingerprint()
    python = VENV / "bin" / "python"
    if STAMP.is_file() and STAMP.read_text() == wanted and interpreter_version(python) != (0, 0):
        return
    # Compiled once: Ansible is a process a task, each of which would else compile what it imports on a machine whose
    # settings keep Python from writing bytecode.
    command = [ensure_uv(), "sync", "--frozen", "--compile-bytecode"]
    if "UV_PYTHON" not in os.environ:
        interpreter = find_interpreter(os.environ["PATH"])
        say(f"Python: {interpreter or 'none of 3.12 to 3.14 found here, so uv fetches one'}")
        command += ["--python", str(interpreter)] if interpreter else []
    advice = "Install Python 3.12, 3.13 or 3.14 if uv could fetch none, else check the package index."
    run("Install the locked environment into .venv", command, certificates(), advice)
    STAMP.parent.mkdir(exist_ok=True)
    STAMP.write_text(wanted)


def path_without_environment(path: str) -> str:
    """PATH without .venv, which an activated environment puts there and which must not be made from itself."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if Path(folder) != VENV / "bin")


def main() -> int:
    """Set everything up; returns the exit code."""
    os.environ["PATH"] = path_without_environment(os.environ.get("PATH", ""))
    try:
        if not shutil.which("ssh"):
            packages.install("the SSH client", ["openssh-client"])
        ensure_environment()
        ready = ".venv from uv.lock"
        if sys.argv[1:] != ["environment"]:
            ready += f", Docker Engine {engine.ensure()}"
    except SetupError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    say(f"Ready: {ready}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
