"""An application of its own on the lab, on which benchmarks run verbs and whose state they arrange."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import inventories, releases
from tests.lab import ROOT, Lab
from tools.steps import environment


@dataclass(frozen=True)
class Ended:
    """How a verb ended: exit code, output, and when it began and ended in seconds since the epoch."""

    code: int
    output: str
    began: float
    ended: float


@dataclass
class Stage:
    """Staging of one application on a lab instance.

    :param variables: of every run; those of a single run come on top.
    :param address: of its public port where that is not the lab's own, as ``http://address:port``.
    """

    lab: Lab
    name: str
    variables: dict[str, Any] = field(default_factory=dict)
    address: str = ""

    def run(
        self, verb: str, good: bool | None = None, *, environ: dict[str, str] | None = None, **variables: Any
    ) -> Ended:
        """Run a verb on staging.

        :param environ: further environment variables.
        :param good: whether it has to succeed (True) or to fail (False); SystemExit with its output when it does not.
        """
        given = {"deploy_name": self.name, "release_image": releases.image(self.lab)}
        if verb != "status":
            given["env"] = "staging"
        given |= self.variables | variables
        extra, policy = inventories.split(given)
        with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
            inventory = inventories.write(Path(folder, "policy.json"), policy, inventories.hosts(self.lab))
            env = self.lab.environment | {"SLIPWAY_EVENTS": str(Path(folder, "events.jsonl"))} | (environ or {})
            env["ANSIBLE_INVENTORY"] += f",{inventory}"
            began = time.time()
            done = subprocess.run(
                ["ansible-playbook", f"{verb}.yml", "-e", json.dumps(extra)],
                cwd=ROOT,
                env=environment(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        ended = Ended(done.returncode, done.stdout, began, time.time())
        if good is not None and good is not (ended.code == 0):
            raise SystemExit(f"{verb}.yml ended with {ended.code}:\n{ended.output}")
        return ended

    def ship(self, build: int, **variables: Any) -> None:
        """Deploy a build that has to arrive."""
        self.run("deploy", True, version=releases.version(build), **{"deploy_soak_seconds": 0, **variables})

    def docker(self, *arguments: str, vm: str = "") -> str:
        """Run ``docker`` on a VM, the first one by default; returns what it printed."""
        machine = f"slipway-{self.lab.instance}-{vm or self.lab.vms[0]}"
        done = subprocess.run(
            ["docker", "exec", machine, "docker", *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def url(self, vm: str = "") -> str:
        """The public address of staging on a VM, the first one by default."""
        return self.address or f"http://127.0.0.1:{self.lab.staging_ports[vm or self.lab.vms[0]]}"

    def forget(self) -> None:
        """Remove containers and state of the application, which frees its ports."""
        script = (
            f"docker ps -aq --filter label=io.slipway.app={self.name} | xargs -r docker rm -f >/dev/null; "
            f"rm -rf /var/lib/slipway/{self.name}-staging"
        )
        for vm in self.lab.vms:
            subprocess.run(["docker", "exec", f"slipway-{self.lab.instance}-{vm}", "sh", "-c", script], check=True)
