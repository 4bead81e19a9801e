"""One machine for all tests here: bare at first, then provisioned, then with Docker Engine running."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.provision.machine import Machine
from tests.integration.target import Target

ENGINE_DEADLINE_SECONDS = 60


@pytest.fixture(scope="session")
def machine(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A bare machine beside the lab's own; removed at the end."""
    machine = Machine(target.lab, Path(tmp_path_factory.mktemp("bare")))
    machine.up()
    yield machine
    machine.down()


@pytest.fixture(scope="session")
def provisioned(machine: Machine) -> Machine:
    """The machine after its first provision.yml, which found no Python, and else did what --check had foretold."""
    with machine.untouched():
        foretold = machine.provision_first("--check", "--diff")
    assert foretold.code == 0, foretold.output
    machine.run("apt-get", "purge", "--quiet", "--yes", "python3-minimal", "libpython3-stdlib")
    assert "bare has no Python, without which --check" in machine.provision_first("--check").reason
    done = machine.provision_first()
    assert done.code == 0, done.output
    assert done.changed == foretold.changed + 1
    assert "start dockerd" in done.output
    return machine


@pytest.fixture(scope="session")
def with_engine(provisioned: Machine) -> Machine:
    """The provisioned machine after somebody started Docker Engine there, as no systemd does it."""
    provisioned.run("sh", "-c", "dockerd >/var/log/dockerd.log 2>&1 &")
    deadline = time.monotonic() + ENGINE_DEADLINE_SECONDS
    asking = ["docker", "exec", provisioned.name, "docker", "version"]
    while subprocess.run(asking, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, provisioned.run("tail", "/var/log/dockerd.log")
        time.sleep(0.2)
    return provisioned
