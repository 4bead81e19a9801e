"""Break everything that can break, and make docs/RELIABILITY.md of what happened: ``python -m tools.faults``.

With the name of a test, as a row of that page gives it, only that one runs and the page stays as it is.
"""

from __future__ import annotations

import argparse
import shutil
import sys

from tools.check import fresh_lab, lab
from tools.reliability import ROWS
from tools.steps import Step, run, summary

ALL = [
    "faults",
    "test_hosts.py::test_the_second_one_cannot_be_reached",
    "test_hosts.py::test_the_last_one_gets_lost_on_the_way",
]


def main() -> int:
    """Run them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the random instants (default: a new one, which is printed)")
    parser.add_argument("fault", nargs="?", default="", help="only this one, such as faults/test_kills.py::test_…")
    arguments = parser.parse_args()
    chosen = [f"tests/integration/{name}" for name in ([arguments.fault] if arguments.fault else ALL)]
    seed = [] if arguments.seed is None else [f"--seed={arguments.seed}"]
    steps = [
        *fresh_lab("test"),
        Step("Faults", ["pytest", "--all-faults", "--durations=15", *seed, *chosen], lab("test")),
    ]
    if not arguments.fault:
        shutil.rmtree(ROWS, ignore_errors=True)
        steps.append(Step("The page", ["python", "-m", "tools.reliability"]))
    return summary(run(steps), len(steps))


if __name__ == "__main__":
    sys.exit(main())
