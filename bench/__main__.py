"""How long the verbs take: ``python -m bench [--runs 5]``.

Runs on two lab instances one after the other: test, with one VM, and trio, whose staging is on three.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator

from bench.stage import Stage
from bench.verbs import Measurement, measure
from tests import releases
from tests.lab import ROOT, Lab
from tests.releases import version
from tools.steps import environment

NAME = "bench"
OLD, NEW, EXITS = 1, 2, 11
# Without the time for which a release is watched after the cut-over, which is a setting and not work.
SETTINGS = {"deploy_soak_seconds": 0}
HOW = (
    "Wall time of the whole ansible-playbook process, and the time from its start to the first answer of the new (or",
    "restored) release: median (minimum to maximum). The roles' defaults, but deploy_soak_seconds: 0.",
    "Tasks on target: tasks that sent at least one command through SSH, counted in the connection plugin itself;",
    "commands: all of those. Tasks on the controller alone do not count.",
)
HEADER = f"{'':<44} {'wall time':<24} {'first answer':<24} {'tasks on target':>15} {'commands':>9}"
Row = tuple[str, list[Measurement]]


def machine() -> str:
    """Cores and load of this machine, one line."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{len(os.sched_getaffinity(0))} cores, load average {load} (1, 5, 15 min)"


def bring_up(lab: Lab) -> None:
    """Start the lab and make the releases."""
    env = environment(lab.environment)
    done = subprocess.run(["ansible-playbook", "lab/up.yml"], cwd=ROOT, env=env, check=False)
    if done.returncode:
        raise SystemExit("The lab did not come up: see above.")
    releases.ensure(lab)


def take_down(lab: Lab) -> None:
    """Remove the lab."""
    subprocess.run(["ansible-playbook", "lab/down.yml"], cwd=ROOT, env=environment(lab.environment), check=True)


def forget_image(stage: Stage, build: int) -> None:
    """Let the VMs not have a build's image, so that a deployment has to pull it."""
    image = releases.image(stage.lab)
    reference = f"{image}@{releases.digest(stage.lab, image, version(build))}"
    for vm in stage.lab.vms:
        stage.docker("image", "rm", "--force", reference, vm=vm)


def spread(seconds: list[float]) -> str:
    """Median, minimum and maximum."""
    return f"{statistics.median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f})" if seconds else "-"


def line(name: str, runs: list[Measurement]) -> str:
    """One line of the table."""
    first = [run.first for run in runs if run.first is not None]
    tasks, commands = (statistics.median(values) for values in zip(*((r.tasks, r.commands) for r in runs), strict=True))
    wall = spread([run.seconds for run in runs])
    return f"{name:<44} {wall:<24} {spread(first):<24} {tasks:>15.0f} {commands:>9.0f}"


def repeat(rounds: int, arrange: Callable[[], object], act: Callable[[], Measurement]) -> list[Measurement]:
    """Do something ``rounds`` times, each time from the same state."""
    found = []
    for _ in range(rounds):
        arrange()
        found.append(act())
    return found


def one_host(stage: Stage, rounds: int) -> Iterator[Row]:
    """What is measured on one VM."""
    stage.ship(NEW)
    stage.ship(OLD)

    def cold() -> None:
        stage.ship(OLD)
        stage.ship(NEW, deploy_warm_standby=0)

    def pulls() -> None:
        stage.ship(OLD, deploy_warm_standby=0)
        stage.run("deploy", True, version=version(OLD), deploy_warm_standby=0)
        stage.docker("container", "prune", "--force", "--filter", f"label=io.slipway.app={NAME}")
        forget_image(stage, NEW)

    def back_to_old() -> None:
        stage.ship(OLD, deploy_warm_standby=0)

    def warm() -> None:
        stage.ship(OLD)
        stage.ship(NEW)

    def upgrade() -> Measurement:
        return measure(stage, "deploy", version(NEW), version=version(NEW))

    def back() -> Measurement:
        return measure(stage, "rollback", version(OLD), version=version(OLD))

    yield (
        "deploy, nothing changed",
        repeat(rounds, lambda: None, lambda: measure(stage, "deploy", version=version(OLD))),
    )
    yield "deploy, upgrade, image pulled", repeat(rounds, pulls, upgrade)
    yield "deploy, upgrade, image there already", repeat(rounds, back_to_old, upgrade)
    yield "rollback, warm", repeat(rounds, warm, back)
    yield "rollback, cold", repeat(rounds, cold, back)
    stage.ship(OLD)
    yield (
        "deploy, release that exits at start",
        repeat(rounds, lambda: None, lambda: measure(stage, "deploy", good=False, version=version(EXITS))),
    )


def three_hosts(stage: Stage, rounds: int) -> Iterator[Row]:
    """What is measured on three VMs."""
    stage.ship(NEW)

    def upgrade() -> Measurement:
        return measure(stage, "deploy", version(NEW), version=version(NEW))

    arrange = lambda: stage.ship(OLD, deploy_warm_standby=0)  # noqa: E731 one line says it
    yield "three hosts: upgrade, image there already", repeat(rounds, arrange, upgrade)
    yield "three hosts: nothing changed", repeat(
        rounds, lambda: None, lambda: measure(stage, "deploy", version=version(NEW))
    )


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure deployments and rollbacks.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, at least 1 (default 5)")
    parser.add_argument("--hosts", type=int, choices=(1, 3), help="only the rows of this many hosts")
    arguments = parser.parse_args()
    rounds = max(1, arguments.runs)
    os.environ.pop("SLIPWAY_LAB", None)
    print("", *HOW, f"\n{rounds} runs each. Before: {machine()}", sep="\n", flush=True)
    for instance, hosts, cases in (("test", 1, one_host), ("trio", 3, three_hosts)):
        if arguments.hosts not in (None, hosts):
            continue
        os.environ["SLIPWAY_LAB"] = instance
        lab = Lab.chosen()
        bring_up(lab)
        stage = Stage(lab, NAME, SETTINGS)
        stage.forget()
        print(f"\n{HEADER}", flush=True)
        try:
            for row in cases(stage, rounds):
                print(line(*row), flush=True)
        finally:
            stage.forget()
        if instance != "test":
            take_down(lab)
    print(f"\nAfter:  {machine()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
