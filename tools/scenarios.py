"""Run every molecule scenario, one after another: they share a lab and its public ports.

``python -m tools.scenarios [NAME …]`` runs only those named. The lab has to be up.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from tests import releases
from tests.lab import Lab
from tools.steps import ROOT, environment


def names() -> list[str]:
    """Every scenario, in alphabetical order."""
    return sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


def run(name: str, env: dict[str, str]) -> bool:
    """Run one scenario and print a line, and its output if it fails; returns whether it passed."""
    began = time.monotonic()
    done = subprocess.run(
        ["molecule", "test", "--no-command-borders", "--scenario-name", name],
        cwd=ROOT,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout)
    verdict = "FAILED" if done.returncode else "ok"
    print(f"   {verdict:<6} {time.monotonic() - began:6.1f} s  {name}", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the scenarios; returns the exit code."""
    parser = argparse.ArgumentParser(description="Run the molecule scenarios.")
    parser.add_argument("names", nargs="*", choices=[[], *names()], default=[], metavar="NAME")
    wanted = parser.parse_args().names or names()
    lab = Lab.chosen()
    releases.ensure(lab)
    env = {**lab.environment, "SLIPWAY_LAB_READY": "1"}
    failed = [name for name in wanted if not run(name, env)]
    if failed:
        print(f"Run one again, with all its output, with: molecule test --scenario-name {failed[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
