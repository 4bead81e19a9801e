"""Where things are in a lab instance, for tests: read from inventory/lab, so that it is said once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
INVENTORIES = ROOT / "tests" / "integration" / "inventory"
SETTINGS = ROOT / "inventory" / "lab" / "group_vars" / "lab"


def settings(name: str) -> dict[str, Any]:
    """The variables of one file below ``inventory/lab/group_vars/lab``, untemplated."""
    loaded: dict[str, Any] = yaml.safe_load((SETTINGS / f"{name}.yml").read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True)
class Lab:
    """One lab instance.

    :param registry: the registry's ``address:port``.
    :param ports: the port of 127.0.0.1 that leads to the public port of each environment, on the first VM.
    :param vms: the names of the VMs.
    """

    instance: str
    registry: str
    ssh_port: int
    ports: dict[str, int]
    vms: tuple[str, ...]

    @classmethod
    def chosen(cls) -> Lab:
        """The instance that SLIPWAY_LAB names; without it, the one for tests."""
        return cls.of(os.environ.get("SLIPWAY_LAB", "test"))

    @classmethod
    def of(cls, instance: str) -> Lab:
        """The instance of this name."""
        found = settings("instance")["lab_instances"][instance]
        ports = {"staging": found["staging_port"], "production": found["production_port"]}
        vms = tuple(found.get("vms", ["vm"]))
        return cls(instance, f"{found['network']}.2:5000", found["ssh_port"], ports, vms)

    @property
    def staging_ports(self) -> dict[str, int]:
        """The port of 127.0.0.1 that leads to the public port of staging, for each VM."""
        return {vm: self.ports["staging"] + place for place, vm in enumerate(self.vms)}

    @property
    def directory(self) -> Path:
        """Folder of the instance's keys and certificates."""
        return ROOT / ".lab" / self.instance

    @property
    def password(self) -> str:
        """Password of the registry's login."""
        return (self.directory / "registry_password").read_text(encoding="ascii").strip()

    @property
    def user(self) -> str:
        """User of the registry's login."""
        return str(settings("release")["release_registry_username"])

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make the verbs run against this instance."""
        inventories = [ROOT / "inventory" / "lab", INVENTORIES / self.instance]
        present = [str(path.relative_to(ROOT)) for path in inventories if path.is_dir()]
        return {"SLIPWAY_LAB": self.instance, "ANSIBLE_INVENTORY": ",".join(present)}
