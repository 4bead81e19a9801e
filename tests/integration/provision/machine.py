"""A machine as a provider hands it over, started by lab/bare.yml for provision.yml to be tried on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import testinfra
from testinfra.host import Host

from tests import inventories
from tests.integration.verbs import Run, start
from tests.lab import ROOT, Lab
from tools.steps import environment

DEPLOYER = "shipper"
PROVIDED_USER = "root"
PLACES = ["/etc", "/home", "/root", "/usr", "/opt", "/var/lib", "/var/cache"]
MARKER = "/run/marker"


def run(*command: str, given: str | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command from the project's root; returns what it printed, fails the test when it fails."""
    done = subprocess.run(command, cwd=ROOT, env=env, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Machine:
    """The machine, and the inventory, keys and SSH settings with which a person would reach it.

    :param folder: holds the deployer's own key pair, which nothing but provision.yml can have put on the machine.
    """

    lab: Lab
    folder: Path

    @property
    def name(self) -> str:
        """Name of the machine's container."""
        return f"slipway-{self.lab.instance}-bare"

    @property
    def key(self) -> Path:
        """The deployer's private key."""
        return self.folder / "key"

    @property
    def public_key(self) -> str:
        """The line that lets the deployer in."""
        return self.key.with_suffix(".pub").read_text(encoding="ascii").strip()

    @property
    def _options(self) -> dict[str, str]:
        return {
            "UserKnownHostsFile": str(self.lab.directory / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": f"[127.0.0.1]:{self.lab.ssh_port}",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
        }

    def _lab_playbook(self, *arguments: str) -> None:
        run("ansible-playbook", "lab/bare.yml", *arguments, env=environment(self.lab.environment))

    def up(self) -> None:
        """Start it anew, and write what is needed to reach it."""
        self._lab_playbook()
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deployer", "-f", str(self.key))
        address = {"HostName": "127.0.0.1", "Port": str(self.lab.ssh_port + 1), "IdentityFile": str(self.key)}
        lines = [f"  {name} {value}" for name, value in (address | self._options).items()]
        (self.folder / "ssh_config").write_text("\n".join(["Host bare", *lines, ""]), encoding="ascii")
        self._write_inventory()

    def _write_inventory(self) -> None:
        host = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.lab.ssh_port + 1,
            "ansible_user": DEPLOYER,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": " ".join(f"-o {name}={value}" for name, value in self._options.items()),
            "release_image": f"{self.lab.registry}/myapp",
            "release_registry_username": self.lab.user,
            "release_registry_password": self.lab.password,
            "release_registry_ca_file": str(self.lab.directory / "ca.crt"),
            "provision_user": DEPLOYER,
            "provision_authorized_keys_file": str(self.key.with_suffix(".pub")),
        }
        local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        groups = {"staging": {"hosts": {"bare": host}}, "runner": {"hosts": {"bare": {}}}}
        inventory = {"all": {"hosts": {"localhost": local}, "children": groups}}
        path = self.folder / "inventory.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(inventory), encoding="utf-8")

    def down(self) -> None:
        """Remove it."""
        self._lab_playbook("-e", "bare=absent")

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        """Run a playbook, named without its ending, with the machine as the only host of staging and of runner."""
        inventory = str(self.folder / "inventory.json")
        extra, policy = inventories.split(variables)
        return start(
            self.lab,
            playbook,
            "-i",
            inventory,
            *arguments,
            variables=json.dumps(extra),
            policy=policy,
            hosts=["localhost", "bare"],
        ).end()

    def provision(self, *arguments: str, **variables: Any) -> Run:
        """Run provision.yml as the deployer."""
        return self.play("provision", *arguments, env="staging", **variables)

    def provision_first(self, *arguments: str, **variables: Any) -> Run:
        """Run provision.yml as a person does the first time: as the user, and with the key, that the provider knows."""
        provided = {
            "ansible_user": PROVIDED_USER,
            "ansible_ssh_private_key_file": str(self.lab.directory / "id_ed25519"),
        }
        return self.provision(*arguments, **provided, **variables)

    def run(self, *command: str, given: str | None = None) -> str:
        """Run a command on it as root, past SSH; returns what it printed."""
        return run("docker", "exec", "--interactive", self.name, *command, given=given)

    def write(self, path: str, content: str) -> None:
        """Write a file, making its folder."""
        self.run("sh", "-euc", 'mkdir -p "$(dirname "$1")"; cat >"$1"', "write", path, given=content)

    def login(self, user: str, key: Path) -> int:
        """Exit code of logging in over SSH: 0, or 255 when it is refused."""
        command = ["ssh", "-F", str(self.folder / "ssh_config"), "-i", str(key), f"{user}@bare", "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode

    def host(self) -> Host:
        """The machine for testinfra: over SSH as the deployer, with sudo."""
        return testinfra.get_host(f"ssh://{DEPLOYER}@bare", ssh_config=str(self.folder / "ssh_config"), sudo=True)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Fail the test when anything on the machine changes meanwhile."""
        self.run("touch", MARKER)
        yield
        changed = self.run("find", *PLACES, "-cnewer", MARKER).split()
        changed = [path for path in changed if "/.ansible" not in path and path not in ("/root", "/home/deploy")]
        assert changed == []
