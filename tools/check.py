"""Everything that proves the project: lint, unit tests, molecule, integration tests.

``python -m tools.check [lint|unit|molecule|integration …]`` runs only the parts named, and with ``--scenarios`` only
some of molecule's scenarios.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from tools.steps import ROOT, Step, run, summary

LAB = {"ANSIBLE_INVENTORY": "inventory/lab", "SLIPWAY_LAB": "test"}
WORKFLOWS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/workflows/*.yml"))
SCHEMA = "vendor.github-workflows"
COLLECTION = "ansible_collections.slipway.core.plugins"

# Tests that were interrupted leave containers on the public ports, so nothing is taken over from an earlier run.
FRESH_LAB = [
    Step("Remove an earlier lab for the tests", ["ansible-playbook", "lab/down.yml"], LAB),
    Step("Lab for the tests", ["ansible-playbook", "lab/up.yml"], LAB),
]

MOLECULE = Step("Molecule", ["python", "-m", "tools.scenarios"], LAB)

PARTS: dict[str, list[Step]] = {
    "lint": [
        Step("Lint: YAML", ["yamllint", "--strict", "."]),
        Step("Lint: Ansible, profile production", ["ansible-lint", "--offline", "--profile", "production"]),
        Step("Lint: Python", ["ruff", "check"]),
        Step("Lint: types of the collection", ["mypy", "-p", COLLECTION], {"MYPYPATH": "collections"}),
        Step("Lint: types of the application", ["mypy", "-p", "web"], {"MYPYPATH": "app"}),
        Step("Lint: types of the tools", ["mypy", "bench", "lab", "tests/releases.py", "tools"]),
        Step("Lint: Dockerfile", ["hadolint", "Dockerfile"]),
        Step("Lint: workflows, schema", ["check-jsonschema", "--builtin-schema", SCHEMA, *WORKFLOWS]),
        Step("Lint: workflows, expressions", ["act", "--validate", "--strict"]),
        Step("Lint: workflows, security", ["zizmor", "--offline", "--no-progress", ".github"]),
    ],
    "unit": [Step("Unit tests", ["pytest", "tests/unit"])],
    "molecule": [
        *FRESH_LAB,
        MOLECULE,
    ],
    "integration": [
        *FRESH_LAB,
        Step("Integration tests", ["pytest", "tests/integration"], LAB),
    ],
}


def main() -> int:
    """Run the parts named on the command line, all by default; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[], metavar="|".join(PARTS))
    parser.add_argument("--scenarios", nargs="+", default=[], metavar="NAME", help="molecule's, all by default")
    arguments = parser.parse_args()
    wanted = arguments.parts or list(PARTS)
    plan: list[Step] = []
    for step in (step for part in wanted for step in PARTS[part]):
        if step is MOLECULE:
            plan.append(replace(step, command=[*step.command, *arguments.scenarios]))
        elif step not in plan:
            plan.append(step)
    return summary(run(plan, keep_going=True), len(plan))


if __name__ == "__main__":
    sys.exit(main())
