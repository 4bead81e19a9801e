"""Which machine a job of the pipeline runs on: none that holds production's key runs what a change brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).resolve().parents[3] / ".github/workflows"
PRODUCTION = ("SLIPWAY_PRODUCTION_RUNS_ON", "slipway-production")


def jobs() -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(WORKFLOWS.glob("*.yml")):
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items():
            if "steps" in job:
                found[f"{path.stem}/{name}"] = job
    return found


def environment(job: dict[str, Any]) -> str:
    return str((job.get("environment") or {}).get("name", ""))


@pytest.mark.parametrize("name", jobs())
def test_only_what_deploys_to_production_runs_on_its_machine(name: str) -> None:
    job = jobs()[name]
    on = str(job["runs-on"])
    if name == "rollback/rollback":
        assert on.startswith("${{ inputs.environment == 'production' && (vars.SLIPWAY_PRODUCTION_RUNS_ON")
    else:
        assert all((word in on) == (environment(job) == "production") for word in PRODUCTION)


@pytest.mark.parametrize("name", jobs())
def test_the_key_is_written_only_in_an_environment_and_removed_whatever_happens(name: str) -> None:
    job = jobs()[name]
    steps = job["steps"]
    writes = [step for step in steps if "SLIPWAY_SSH_KEY" in str(step.get("env", ""))]
    if writes:
        assert environment(job)
    if any("credentials write" in str(step.get("run", "")) for step in steps):
        assert (steps[-1]["run"], steps[-1]["if"]) == ("python3 -m tools.credentials remove", "always()")


def test_tests_run_where_no_key_is() -> None:
    for name in ("ci/test", *(it for it in jobs() if it.startswith("pull-request/"))):
        assert "|| 'ubuntu-latest'" in jobs()[name]["runs-on"]
        assert "secrets." not in str(jobs()[name])
