"""A repository's workflows, and what they ship."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils.registry import Registry

from tests.integration.application import Application
from tests.integration.pipeline import act
from tests.integration.pipeline.repository import Repository

Report = Callable[[str, act.WorkflowRun], None]


@dataclass
class Pipeline:
    """The repository's workflows.

    :param application: what they ship, as it is on the target.
    :param private: what may be printed nowhere, and be in no argument list.
    :param runs: how many runs there were, which is what GitHub numbers them by.
    """

    repository: Repository
    application: Application
    secrets: dict[str, str]
    variables: dict[str, str]
    private: list[str]
    folder: Path
    report: Report
    runs: int = field(default=0)

    def push(
        self, title: str, *arguments: str, number: int = 0, approver: str = "alice", workflow: str = "ci.yml"
    ) -> act.WorkflowRun:
        """What a push to main starts: a new run, or with ``number`` a re-run of an earlier one."""
        payload = {"ref": "refs/heads/main", "head_commit": {"message": title}}
        return self._run(title, "push", workflow, number, approver, payload, *arguments)

    def dispatch(self, title: str, workflow: str, **inputs: str) -> act.WorkflowRun:
        """What a person starts by hand."""
        return self._run(title, "workflow_dispatch", workflow, 0, "", {"inputs": inputs})

    def _run(
        self,
        title: str,
        event: str,
        workflow: str,
        number: int,
        approver: str,
        payload: dict[str, Any],
        *arguments: str,
    ) -> act.WorkflowRun:
        if not number:
            self.runs += 1
        hidden = {**self.secrets, **({"SLIPWAY_APPROVER": approver} if approver else {})}
        folder = self.folder / f"run-{self.runs}-{secrets.token_hex(2)}"
        ended = act.run(
            self.repository.folder,
            event,
            workflow,
            number or self.runs,
            hidden,
            self.variables,
            folder,
            payload,
            self.private,
            *arguments,
        )
        self.report(title, ended)
        assert not ended.seen, f"in an argument list: {ended.seen}"
        assert not [secret for secret in self.private if secret in ended.output], ended.output
        written = ended.output.count("Success - Main Write the credentials")
        assert ended.output.count("Success - Main Remove the credentials") == written > 0
        return ended

    def version(self, number: int = 0) -> str:
        """The version that a run makes; by default the last one's."""
        return f"1.0.{number or self.runs}"

    def digest(self, tag: str) -> str:
        """The digest that the registry has under a tag."""
        lab = self.repository.target.lab
        return Registry(self.repository.image, lab.user, lab.password, str(lab.directory / "ca.crt")).digest_of(tag)
