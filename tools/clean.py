"""Remove all that the project made on this machine: the lab, then the project's folders."""

from __future__ import annotations

import shutil
import subprocess
import sys

from tools import engine
from tools.child import ROOT, SetupError, say
from tools.steps import environment

FOLDERS = [".lab", ".slipway", ".venv", ".cache", ".ansible", ".hypothesis"]
FOLDERS += [".mypy_cache", ".pytest_cache", ".ruff_cache"]


def remove_lab() -> None:
    """Remove every lab instance and the images they share."""
    if not engine.version():
        say("Docker Engine does not answer: no lab to remove")
        return
    running = engine.lab_instances()
    if not (ROOT / ".venv" / "bin" / "ansible-playbook").exists():
        if running:
            raise SetupError("The lab is there but .venv, which removes it, is not: run 'make setup' first.")
        return
    folders = {folder.name for folder in ROOT.glob(".lab/*") if folder.is_dir()}
    instances = sorted(running | folders | {"demo"})
    for instance in instances:
        say(f"Remove the lab's instance {instance} …")
        command = ["ansible-playbook", "-i", "inventory/lab", "lab/down.yml"]
        if instance == instances[-1]:  # the others still need the shared images
            command += ["-e", "everything=true"]
        done = subprocess.run(command, cwd=ROOT, env=environment({"SLIPWAY_LAB": instance}), check=False)
        if done.returncode != 0:
            raise SetupError(f"The lab's instance {instance} could not be removed: see above.")


def git(*arguments: str) -> list[str]:
    """The lines git prints in the project's root; none when it fails, for instance outside a checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def remove_tags() -> None:
    """Remove the git tags that builds for the lab made here: those that the lab's own remote has as well."""
    ours = set(git("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags"))
    for remote in ROOT.glob(".lab/*/origin.git"):
        theirs = git("--git-dir", str(remote), "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")
        for line in sorted(ours.intersection(theirs)):
            git("update-ref", "-d", line.split()[1])


def main() -> int:
    """Remove the lab and the folders; returns the exit code."""
    try:
        remove_tags()
        remove_lab()
    except SetupError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    for name in FOLDERS:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder in ROOT.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    say("Removed the lab and all that was made in this folder. Docker Engine and Debian packages stay installed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
