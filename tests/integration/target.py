"""A target VM of the lab, looked at from outside: its containers, state folders and clock-stamped events."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.lab import ROOT, Lab, settings

STATE = "/var/lib/slipway"
DEFAULT_VMS = {"vm": 10}


def run(command: list[str], given: bytes | None = None, env: dict[str, str] | None = None) -> bytes:
    """Run a command from the project's root; returns what it printed, fails the test when it fails."""
    done = subprocess.run(command, cwd=ROOT, env=env, input=given, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}: {(done.stdout + done.stderr).decode(errors='replace')}"
    return done.stdout


@dataclass(frozen=True)
class Target:
    """A VM of the lab, through ``docker exec``, so that no test depends on what it tests."""

    lab: Lab
    vm: str = "vm"

    @property
    def machine(self) -> str:
        """Name of the VM's container."""
        return f"slipway-{self.lab.instance}-{self.vm}"

    @property
    def address(self) -> str:
        """The VM's address on the lab's network, on which every port of it can be reached."""
        instance = settings("instance")["lab_instances"][self.lab.instance]
        return f"{instance['network']}.{instance.get('vms', DEFAULT_VMS)[self.vm]}"

    @property
    def registry(self) -> str:
        """Name of the registry's container."""
        return f"slipway-{self.lab.instance}-registry"

    def run(self, *command: str, given: bytes | None = None) -> str:
        """Run a command in the VM as root; returns what it printed."""
        return run(["docker", "exec", "-i", self.machine, *command], given).decode()

    def docker(self, *arguments: str) -> str:
        """Run ``docker`` in the VM; returns what it printed, without surrounding space."""
        return self.run("docker", *arguments).strip()

    def containers(self, app: str) -> dict[str, dict[str, Any]]:
        """Every container of an application, by id, as Docker inspects it."""
        listed = f"docker ps --all --quiet --no-trunc --filter label=io.slipway.app={app}"
        found = self.run("sh", "-c", f"{listed} | xargs --no-run-if-empty docker inspect")
        return {details["Id"]: details for details in json.loads(found or "[]")}

    def read(self, path: str) -> bytes:
        """The content of a file."""
        return run(["docker", "exec", self.machine, "cat", path])

    def write(self, path: str, content: bytes) -> None:
        """Replace the content of a file that is there, keeping its owner and mode."""
        self.run("dd", f"of={path}", "status=none", given=content)

    def listing(self, app: str) -> str:
        """Every file of an application's state with type, mode, owner, size, time of change and hash."""
        folder = f"{STATE}/{app}-*"
        script = (
            f"find {folder} -printf '%p %y %m %U %s %T@ %C@\\n' | sort; "
            f"find {folder} -type f -print0 | sort -z | xargs -0r sha256sum"
        )
        return self.run("sh", "-c", f"if ls -d {folder} >/dev/null 2>&1; then {script}; fi")

    def find(self, text: str) -> list[str]:
        """The files that hold ``text``, where programs of ours or of Ansible might have left it."""
        places = [STATE, "/var/tmp", "/tmp", "/root", "/home", "/run/slipway"]
        script = f"grep -rlF -f - {' '.join(places)} 2>/dev/null || :"
        return self.run("sh", "-c", script, given=text.encode()).split()

    def events(self, since: float, until: float) -> list[dict[str, Any]]:
        """What Docker Engine did to containers between two moments, in seconds since the epoch."""
        span = ["--since", f"{since:.3f}", "--until", f"{until:.3f}"]
        lines = self.docker("events", *span, "--filter", "type=container", "--format", "{{json .}}").splitlines()
        return [json.loads(line) for line in lines]

    def forget(self, app: str) -> None:
        """Remove an application: its containers, which frees its ports, and its state."""
        containers = list(self.containers(app))
        if containers:
            self.docker("rm", "--force", "--volumes", *containers)
        ours = f"docker network ls --quiet --filter label=io.slipway.app={app}"
        self.run("sh", "-c", f"{ours} | xargs --no-run-if-empty docker network rm")
        self.run("sh", "-c", f"rm -rf {STATE}/{app}-staging {STATE}/{app}-production")
