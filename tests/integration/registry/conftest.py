"""A small project of its own, built into a fresh repository of the lab's registry."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LAB = ROOT / ".lab" / os.environ.get("SLIPWAY_LAB", "test")
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.slipway.core.plugins.module_utils.registry import Registry  # noqa: E402

from tests import inventories  # noqa: E402
from tests.integration.secret_watch import SecretWatch  # noqa: E402

DOCKERFILE = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY content /content\n"


@dataclass
class Run:
    """How a run of build.yml ended."""

    code: int
    output: str
    password_seen: bool = False

    @property
    def changed(self) -> int:
        found = re.findall(r"changed=(\d+)", self.output)
        assert found, self.output
        return int(found[-1])


@dataclass
class Project:
    """A git clone with a Dockerfile, its bare remote, and its repository in the lab's registry."""

    folder: Path
    remote: Path
    image: str
    home: Path
    password: str = field(repr=False)

    @property
    def registry(self) -> Registry:
        return Registry(self.image, "slipway", self.password, str(LAB / "ca.crt"))

    @property
    def out(self) -> Path:
        return self.home / "release"

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        command = ["git", "-C", str(folder or self.folder), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, content: str) -> str:
        (self.folder / "content").write_text(content)
        self.git("add", ".")
        self.git("commit", "-q", "-m", content)
        return self.git("rev-parse", "HEAD")

    def build(self, *arguments: str, watched: bool = False, **variables: Any) -> Run:
        """Run build.yml; when ``watched``, every process of this machine is searched for the password."""
        values = {
            "release_image": self.image,
            "build_context": str(self.folder),
            "build_release_dir": str(self.out),
            "build_git_remote": str(self.remote),
            "build_ca_file": "",
            **variables,
        }
        given, policy = inventories.split(values)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "build.yml", *arguments]
        environment = {
            **os.environ,
            "ANSIBLE_INVENTORY": f"inventory/lab,{inventories.write(self.home / 'policy.json', policy, ['localhost'])}",
            "ANSIBLE_NOCOLOR": "1",
            "HOME": str(self.home),
            "SLIPWAY_ACTOR": "grace",
            "SLIPWAY_LAB": LAB.name,
        }
        process = subprocess.Popen(
            [*command, "-e", json.dumps(given)],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with SecretWatch([self.password] if watched else []) as watch:
            output, _ = process.communicate(timeout=120)
        return Run(process.returncode, output, bool(watch.seen))

    def builds(self) -> dict[str, int]:
        """Every build's log, with the time it was written."""
        return {log.name: log.stat().st_mtime_ns for log in (self.out / "logs").glob("*.log")}

    def release(self) -> dict[str, Any]:
        return dict(json.loads((self.out / "release.json").read_text()))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    if not (LAB / "base_image").is_file():
        pytest.fail("The lab is down: start it with SLIPWAY_LAB=test ansible-playbook -i inventory/lab lab/up.yml")
    home = tmp_path_factory.mktemp("home")
    host = (LAB / "base_image").read_text().partition("/")[0]
    project = Project(
        folder=tmp_path_factory.mktemp("project"),
        remote=tmp_path_factory.mktemp("origin"),
        image=f"{host}/try-{secrets.token_hex(4)}/app",
        home=home,
        password=(LAB / "registry_password").read_text().strip(),
    )
    project.git("init", "-q", "--bare", folder=project.remote)
    project.git("init", "-q")
    (project.folder / "Dockerfile").write_text(DOCKERFILE)
    project.commit("one")
    yield project
    listed = subprocess.run(
        ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", project.image],
        capture_output=True,
        text=True,
        check=True,
    )
    if listed.stdout.split():
        subprocess.run(["docker", "image", "rm", *listed.stdout.split()], capture_output=True, check=True)
