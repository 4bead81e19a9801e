"""What the scenarios' tests look at: the containers and the ledger on the target, the ports from outside."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import requests
import testinfra
from testinfra.host import Host

from tests.lab import Lab

STATE = "/var/lib/slipway"


class Environment:
    """One environment of the scenario, as it is on the target and from outside; looked at once."""

    def __init__(self, name: str, app: str, target: Host, lab: Lab) -> None:
        self.state = f"{STATE}/{app}-{name}"
        self._labels = f"--filter label=io.slipway.app={app} --filter label=io.slipway.environment={name}"
        self._target = target
        self._url = f"http://127.0.0.1:{lab.ports[name]}"

    @cached_property
    def containers(self) -> dict[str, dict[str, Any]]:
        """Every container of the application, running or not, as Docker inspects it, by its slot.

        What is kept of failed attempts is in ``failed``, the newest last.
        """
        ids = self._target.check_output(f"docker ps --all --quiet {self._labels}").split()
        found = json.loads(self._target.check_output(f"docker inspect {' '.join(ids)}")) if ids else []
        self.failed = sorted((it for it in found if "-failed-" in it["Name"]), key=lambda it: str(it["Created"]))
        found = [it for it in found if it not in self.failed]
        by_slot = {container["Config"]["Labels"]["io.slipway.slot"]: container for container in found}
        assert len(by_slot) == len(found)
        self.proxy = by_slot.pop("proxy", None)
        return by_slot

    @property
    def container(self) -> dict[str, Any]:
        """The live container, which the last entry of a deployment names and which has to run."""
        live = [entry for entry in self.ledger if entry["event"] == "deployed"][-1]
        container = self.containers[live["slot"]]
        assert container["State"]["Running"]
        assert container["Config"]["Labels"]["io.slipway.run"] == live["container_run"]
        return container

    def label(self, name: str) -> str:
        """One of our labels on the live container."""
        return str(self.container["Config"]["Labels"][f"io.slipway.{name}"])

    def execute(self, command: str) -> str:
        """What a command prints inside the live container."""
        return str(self._target.check_output(f"docker exec {self.container['Id']} {command}"))

    @cached_property
    def ledger(self) -> list[dict[str, Any]]:
        """The ledger's entries, oldest first."""
        return [json.loads(line) for line in self._target.file(f"{self.state}/ledger.jsonl").content.splitlines()]

    @property
    def events(self) -> list[str]:
        """The ledger's entries in brief, such as ``deployed 1.0.1``."""
        return [f"{entry['event']} {entry.get('version', '')}".strip() for entry in self.ledger]

    def get(self, path: str) -> str:
        """The body of a good answer, asked from outside; anything else raises."""
        answer = requests.get(self._url + path, timeout=5)
        answer.raise_for_status()
        return answer.text

    @property
    def version(self) -> str:
        """The version that answers from outside."""
        return str(json.loads(self.get("/health"))["version"])


class Step(dict[str, Any]):
    """How a verb ended: see shared/step.py for the keys."""

    @property
    def served(self) -> str:
        """The version that answered after it; empty when nothing did."""
        return str(json.loads(self["after"]["body"])["version"]) if self["after"]["status"] else ""

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return int(self["output"].rpartition("changed=")[2].split()[0])


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The lab instance."""
    return Lab.chosen()


@pytest.fixture(scope="session")
def target(lab: Lab) -> Host:
    """The VM, as root."""
    known = lab.directory / "known_hosts"
    return testinfra.get_host(
        f"ssh://deploy@127.0.0.1:{lab.ssh_port}?sudo=true",
        ssh_identity_file=str(lab.directory / "id_ed25519"),
        ssh_extra_args=f"-o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes",
    )


@pytest.fixture(scope="session")
def app() -> str:
    """The application's name: each scenario has its own, so that they do not see each other."""
    return os.environ["MOLECULE_SCENARIO_NAME"]


@pytest.fixture(scope="session")
def staging(app: str, target: Host, lab: Lab) -> Environment:
    """The scenario's staging environment."""
    return Environment("staging", app, target, lab)


@pytest.fixture(scope="session")
def production(app: str, target: Host, lab: Lab) -> Environment:
    """The scenario's production environment."""
    return Environment("production", app, target, lab)


@pytest.fixture(scope="session")
def steps() -> dict[str, Step]:
    """How each step ended, by its name; for one that ran again, the last time."""
    text = (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "steps.jsonl").read_text(encoding="utf-8")
    return {step["name"]: Step(step) for step in map(json.loads, text.splitlines())}
