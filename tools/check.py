"""Everything that proves the project: lint, unit tests, molecule, integration tests.

``python -m tools.check [lint|unit|molecule|faults|pipeline|machines|integration …]`` runs only the parts named, and
with ``--scenarios`` only some of molecule's scenarios. They are in two tracks of about the same length beside each
other, as most of them wait: the integration tests on the lab's VM, and everything else.
"""

from __future__ import annotations

import argparse
import sys

from tools.steps import ROOT, Step, run, summary
from tools.tracks import run_together

WORKFLOWS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/workflows/*.yml"))
SCHEMA = "vendor.github-workflows"
TOOLS = ("bench", "lab", "tests/releases.py", "tools")
COLLECTION = "ansible_collections.slipway.core.plugins"
TRACKS = (("lint", "unit", "molecule", "faults", "pipeline", "machines"), ("integration",))

# The lab instance of each part that has one: two parts at the same time cannot share the public ports of a VM.
INSTANCES = {
    "molecule": "scenarios",
    "faults": "faults",
    "pipeline": "faults",
    "machines": "faults",
    "integration": "test",
}

INTEGRATION = "tests/integration"
APART = {
    "faults": [f"{INTEGRATION}/faults"],
    "pipeline": [f"{INTEGRATION}/pipeline"],
    # HAProxy alone, bare machines, three VMs.
    "machines": [f"{INTEGRATION}/front", f"{INTEGRATION}/provision", f"{INTEGRATION}/test_hosts.py"],
}
SLOWEST = "--durations=15"


def lab(instance: str) -> dict[str, str]:
    """Environment variables that choose a lab instance."""
    return {"ANSIBLE_INVENTORY": "inventory/lab", "SLIPWAY_LAB": instance}


def fresh_lab(instance: str) -> list[Step]:
    """Start an instance anew, since tests that were interrupted leave containers on its public ports."""
    return [
        Step(f"Remove an earlier lab {instance}", ["ansible-playbook", "lab/down.yml"], lab(instance)),
        Step(f"Lab {instance}", ["ansible-playbook", "lab/up.yml"], lab(instance)),
    ]


def steps(part: str, scenarios: list[str]) -> list[Step]:
    """The steps of a part, without its lab."""
    parts = {
        "lint": [
            Step("Lint: YAML", ["yamllint", "--strict", "."]),
            Step("Lint: Ansible, profile production", ["ansible-lint", "--offline", "--profile", "production"]),
            Step("Lint: Python", ["ruff", "check"]),
            Step("Lint: types of the collection", ["mypy", "-p", COLLECTION], {"MYPYPATH": "collections"}),
            Step("Lint: types of the application", ["mypy", "-p", "web"], {"MYPYPATH": "app"}),
            Step("Lint: types of the tools", ["mypy", *TOOLS], {"MYPYPATH": "collections"}),
            Step("Lint: Dockerfile", ["hadolint", "Dockerfile"]),
            Step("Lint: workflows, schema", ["check-jsonschema", "--builtin-schema", SCHEMA, *WORKFLOWS]),
            Step("Lint: workflows, expressions", ["act", "--validate", "--strict"]),
            Step("Lint: workflows, security", ["zizmor", "--offline", "--no-progress", ".github"]),
        ],
        "unit": [Step("Unit tests", ["pytest", SLOWEST, "tests/unit"])],
        "molecule": [
            Step("Molecule", ["python", "-m", "tools.scenarios", *scenarios], lab(INSTANCES["molecule"])),
        ],
        "faults": [Step("Faults", ["pytest", *APART["faults"]], lab(INSTANCES["faults"]))],
        "pipeline": [Step("Pipeline", ["pytest", *APART["pipeline"]], lab(INSTANCES["pipeline"]))],
        "machines": [Step("Other machines", ["pytest", SLOWEST, *APART["machines"]], lab(INSTANCES["machines"]))],
        "integration": [
            Step(
                "Integration tests",
                ["pytest", SLOWEST, INTEGRATION, *(f"--ignore={path}" for paths in APART.values() for path in paths)],
                lab(INSTANCES["integration"]),
            ),
        ],
    }
    return parts[part]


def main() -> int:
    """Run the parts named on the command line, all by default; returns the exit code."""
    known = [part for track in TRACKS for part in track]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *known], default=[], metavar="|".join(known))
    parser.add_argument("--scenarios", nargs="+", default=[], metavar="NAME", help="molecule's, all by default")
    arguments = parser.parse_args()
    wanted = arguments.parts or known
    # One after the other, as they share the images that the first of them makes.
    instances = dict.fromkeys(INSTANCES[part] for part in wanted if part in INSTANCES)
    labs = [step for instance in instances for step in fresh_lab(instance)]
    tracks = [
        [step for part in track if part in wanted for step in steps(part, arguments.scenarios)] for track in TRACKS
    ]
    tracks = [track for track in tracks if track]
    outcomes = run(labs, keep_going=True)
    outcomes += run_together(tracks) if len(tracks) > 1 else run(tracks[0], keep_going=True)
    return summary(outcomes, len(outcomes))


if __name__ == "__main__":
    sys.exit(main())
