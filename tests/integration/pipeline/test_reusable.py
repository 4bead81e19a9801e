"""Another repository ships its application with the lines that docs/PIPELINE.md shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.pipeline.pipeline import Pipeline
from tests.integration.pipeline.repository import copy_project, git
from tests.lab import ROOT

PARTS = ("app/", "Dockerfile", ".dockerignore", "inventory/hosts.yml", "group_vars/")


@pytest.fixture
def slipway(tmp_path: Path) -> Path:
    """A repository of Slipway itself, as it is now."""
    folder = tmp_path / "slipway"
    copy_project(folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Slipway")
    return folder


def readme_lines() -> str:
    """The workflow in docs/PIPELINE.md."""
    readme = (ROOT / "docs/PIPELINE.md").read_text(encoding="utf-8")
    found = re.findall(r"```yaml\n# \.github/workflows/ship\.yml\n(.*?)```", readme, re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_the_lines_of_the_readme_ship_another_application(
    make_pipeline: Callable[..., Pipeline], slipway: Path
) -> None:
    lines = readme_lines()
    assert len(lines.splitlines()) <= 10
    commit = git(slipway, "rev-parse", "HEAD")
    pipeline = make_pipeline(parts=PARTS)
    assert not (pipeline.repository.folder / "ansible").exists()
    workflow = pipeline.repository.folder / ".github/workflows/ship.yml"
    workflow.parent.mkdir(parents=True)
    lines = lines.replace("COMMIT", commit).replace("https://github.com/slipway/slipway", str(slipway))
    workflow.write_text(lines, encoding="utf-8")
    ours = pipeline.repository.push("An application of its own")
    run = pipeline.push(
        "another repository", "--local-repository", f"slipway/slipway@{commit}={slipway}", workflow="ship.yml"
    )
    assert run.code == 0, run.output
    for env in ("staging", "production"):
        assert pipeline.application.answer(env)["version"] == pipeline.version()
        assert pipeline.application.ledger(env)[-1]["commit"] == ours
    assert pipeline.digest(pipeline.version()) in pipeline.repository.tag(pipeline.version())
