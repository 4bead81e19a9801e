"""How long the verbs take: ``python -m bench [--runs 5]``, on the lab instance that SLIPWAY_LAB names (test)."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from typing import Any

from bench.prober import Prober, summary
from bench.verbs import Measurement, measure
from tests import releases
from tests.lab import ROOT, Lab
from tools.steps import environment

NAME = "bench"
OLD, NEW = "1.0.1", "1.0.2"
HOW = (
    "Wall time of the whole ansible-playbook process, with the defaults of the roles: median (minimum to maximum).",
    "Tasks on target: tasks that sent at least one command through SSH, counted in the connection plugin itself;",
    "commands: all of those, as a health check sends one for each probe. Tasks on the controller alone do not count.",
)


def machine() -> str:
    """Cores and load of this machine, one line."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{len(os.sched_getaffinity(0))} cores, load average {load} (1, 5, 15 min)"


def bring_up(lab: Lab) -> None:
    """Start the lab and make the releases."""
    done = subprocess.run(["ansible-playbook", "lab/up.yml"], cwd=ROOT, env=environment(lab.environment), check=False)
    if done.returncode:
        raise SystemExit("The lab did not come up: see above.")
    releases.ensure(lab)


def forget(lab: Lab) -> None:
    """Remove containers and state of the benchmark, which frees its port."""
    script = (
        f"docker ps -aq --filter label=io.slipway.app={NAME} | xargs -r docker rm -f >/dev/null; "
        f"rm -rf /var/lib/slipway/{NAME}-staging"
    )
    subprocess.run(["docker", "exec", f"slipway-{lab.instance}-vm", "sh", "-c", script], check=True)


def row(name: str, runs: list[Measurement]) -> str:
    """One line of the table."""
    seconds = [run.seconds for run in runs]
    tasks, commands = (statistics.median(values) for values in zip(*((r.tasks, r.commands) for r in runs), strict=True))
    spread = f"({min(seconds):.1f} to {max(seconds):.1f})"
    return f"{name:<36} {statistics.median(seconds):6.1f} s {spread:<16} {tasks:>8.0f} {commands:>10.0f}"


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure an unchanged deployment, an upgrade and a rollback.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, at least 1 (default 5)")
    rounds = max(1, parser.parse_args().runs)
    lab = Lab.chosen()
    bring_up(lab)
    forget(lab)
    common: dict[str, Any] = {"deploy_name": NAME, "release_image": releases.image(lab), "env": "staging"}
    print(f"\nBefore: {machine()}", flush=True)
    try:
        for version in (OLD, NEW, OLD):
            measure(lab, "deploy", {**common, "version": version})
        unchanged = [measure(lab, "deploy", {**common, "version": OLD}) for _ in range(rounds)]
        upgrades, rollbacks = [], []
        with Prober(f"http://127.0.0.1:{lab.ports['staging']}/version", {OLD, NEW}) as prober:
            for _ in range(rounds):
                upgrades.append(measure(lab, "deploy", {**common, "version": NEW}))
                rollbacks.append(measure(lab, "rollback", common))
    finally:
        forget(lab)
    print(f"After:  {machine()}\n")
    print(*HOW, sep="\n")
    print(f"\n{rounds} runs each                                wall time          tasks on target   commands")
    print(row("deploy, nothing changed", unchanged))
    print(row("deploy, upgrade, image there already", upgrades))
    print(row("rollback", rollbacks))
    print(f"\nRequests every 50 ms during upgrades and rollbacks: {summary(prober.answers())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
