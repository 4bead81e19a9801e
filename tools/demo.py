"""The main job on the lab: build, staging, approval, production, status."""

from __future__ import annotations

import sys

from tools.steps import Step, run, summary

LAB = {"ANSIBLE_INVENTORY": "inventory/lab", "SLIPWAY_LAB": "demo"}


def playbook(title: str, *arguments: str) -> Step:
    """A step that runs one of the project's playbooks against the demo lab."""
    return Step(title, ["ansible-playbook", *arguments], LAB)


STEPS = [
    playbook("Lab: a registry and a VM, as containers", "lab/up.yml"),
    playbook("Build once, push once, three tags", "build.yml"),
    playbook("Deploy to staging", "deploy.yml", "-e", "env=staging"),
    playbook("Approve what staging proved", "approve.yml", "-e", "approved_by=demo"),
    playbook("Deploy the same digest to production", "deploy.yml", "-e", "env=production"),
    playbook("Status", "status.yml"),
]


def main() -> int:
    """Run the demo; returns its exit code."""
    code = summary(run(STEPS), len(STEPS))
    if code == 0:
        print("\nStaging:    http://127.0.0.1:8081\nProduction: http://127.0.0.1:8080")
        print("Ship a further build with: make demo    Remove everything with: make clean")
    return code


if __name__ == "__main__":
    sys.exit(main())
