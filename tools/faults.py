"""Break everything that can break, and make docs/RELIABILITY.md of what happened: ``python -m tools.faults``.

With the name of a test, as a row of that page gives it, only that one runs and the page stays as it is.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys

from tools.check import fresh_lab, lab
from tools.reliability import ROWS
from tools.steps import Outcome, Step, run, summary
from tools.tracks import run_together

TESTS = "tests/integration/"
FAULTS = f"{TESTS}faults"
KILLS = f"{FAULTS}/test_kills.py"
LOST = ("the_second_one_cannot_be_reached", "the_last_one_gets_lost_on_the_way")
HOSTS = [f"{TESTS}test_hosts.py::test_{name}" for name in LOST]
# The kills, which take half of the time, have a machine of their own.
TRACKS = {"test": ("Kills", [KILLS]), "faults": ("Other faults", [FAULTS, f"--ignore={KILLS}", *HOSTS])}


def track(instance: str, title: str, chosen: list[str], options: list[str]) -> list[Step]:
    """The steps of some tests on a lab instance of their own."""
    return [Step(title, ["pytest", "--all-faults", "--durations=10", *options, *chosen], lab(instance))]


def everything(options: list[str]) -> list[Outcome]:
    """Run all of them, and make the page when they pass."""
    shutil.rmtree(ROWS, ignore_errors=True)
    labs = [step for instance in TRACKS for step in fresh_lab(instance)]
    outcomes = run(labs)
    outcomes += run_together([track(instance, *of_track, options) for instance, of_track in TRACKS.items()])
    if not any(outcome.code for outcome in outcomes):
        outcomes += run([Step("The page", ["python", "-m", "tools.reliability"])])
    return outcomes


def main() -> int:
    """Run them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the random instants (default: a new one, which is printed)")
    parser.add_argument("--kills", type=int, default=8, help="random instants for each of four ways (default: 8)")
    parser.add_argument("fault", nargs="?", default="", help="only this one, such as faults/test_kills.py::test_…")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    options = [f"--seed={seed}", f"--kills={arguments.kills}"]
    if arguments.fault:
        chosen = track("test", "Fault", [TESTS + arguments.fault], options)
        outcomes = run([*fresh_lab("test"), *chosen])
    else:
        outcomes = everything(options)
    return summary(outcomes, len(outcomes))


if __name__ == "__main__":
    sys.exit(main())
