"""A user's repository, edited as the README says, with a bare remote: a clone of the project, or parts of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.integration.target import Target
from tests.lab import ROOT

STAGING_PORT, PRODUCTION_PORT = 8092, 8093
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; returns what it printed."""
    done = subprocess.run(
        ["git", "-C", str(folder), *IDENTITY, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def copy_project(folder: Path, parts: tuple[str, ...] = ("",)) -> None:
    """Copy the files of this project, as they are now, whose path begins with one of ``parts``."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, folder / name
        if name.startswith(parts) and (source.is_symlink() or source.exists()):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)


@dataclass
class Repository:
    """The application's repository, and where it ships to.

    :param name: of the application, which no other test has.
    """

    name: str
    folder: Path
    remote: Path
    target: Target

    @property
    def image(self) -> str:
        """The application's repository in the registry."""
        return f"{self.target.lab.registry}/{self.name}/myapp"

    @property
    def address(self) -> str:
        """The VM's address, on the network that it shares with this machine."""
        return f"{self.target.lab.registry.rpartition('.')[0]}.10"

    def create(self, vault_password: str, secret: str, parts: tuple[str, ...] = ("",)) -> None:
        """Copy the project or parts of it, edit inventory and group_vars, commit, and push to a new bare remote."""
        copy_project(self.folder, parts)
        self.remote.mkdir()
        git(self.remote, "init", "--quiet", "--bare", "--initial-branch=main")
        git(self.folder, "init", "--quiet", "--initial-branch=main")
        git(self.folder, "remote", "add", "origin", str(self.remote))
        self.write_configuration()
        self.write_vault(vault_password, secret)
        self.push("The application")

    def write_configuration(self) -> None:
        """Everything that a user has to edit."""
        lab = self.target.lab
        vm = {"ansible_host": self.address, "ansible_user": "deploy"}
        hosts: dict[str, Any] = yaml.safe_load((self.folder / "inventory/hosts.yml").read_text(encoding="utf-8"))
        for environment, host in (("staging", "myapp-staging"), ("production", "myapp-prod")):
            hosts["all"]["children"][environment]["hosts"][host] = vm
        shutil.copy(lab.directory / "ca.crt", self.folder / "inventory" / "ca.crt")
        self.dump("inventory/hosts.yml", hosts)
        self.dump(
            "group_vars/all/vars.yml",
            {
                "deploy_name": self.name,
                "deploy_container_port": 8000,
                "deploy_health_passes": 1,
                "deploy_health_interval": 0.1,
                "deploy_stop_timeout": 5,
                "deploy_soak_seconds": 0,
                "proxy_image": f"{lab.registry}/base/haproxy:lts",
                "release_image": self.image,
                "release_registry_username": lab.user,
                "release_registry_ca_file": "{{ inventory_dir }}/ca.crt",
                "build_base_image": (lab.directory / "base_image").read_text(encoding="ascii").strip(),
                "build_ca_file": str(AUTHORITIES) if AUTHORITIES.is_file() else "",
            },
        )
        self.environment("staging", {"deploy_port": STAGING_PORT})
        self.environment("production", {"deploy_port": PRODUCTION_PORT, "release_approvers": ["alice"]})

    def environment(self, name: str, variables: dict[str, Any], **env: str) -> None:
        """Write an environment's variables; ``env`` are those of its containers."""
        common = {"deploy_smoke_paths": ["/"], "deploy_env": {"APP_ENVIRONMENT": name, **env}}
        self.dump(f"group_vars/{name}/vars.yml", {**common, **variables})

    def write_vault(self, password: str, secret: str) -> None:
        """Encrypt a secret of the container for production, as a person does with ansible-vault."""
        vault = self.folder / "group_vars/production/vault.yml"
        self.dump("group_vars/production/vault.yml", {"deploy_secrets": {"api_token": secret}})
        program = Path(sys.executable).with_name("ansible-vault")
        subprocess.run(
            [program, "encrypt", "--vault-password-file", "/dev/stdin", str(vault)],
            input=password,
            text=True,
            check=True,
            capture_output=True,
        )

    def dump(self, path: str, content: dict[str, Any]) -> None:
        """Write a YAML file."""
        (self.folder / path).write_text(yaml.safe_dump(content), encoding="utf-8")

    def break_image(self, fault: str) -> None:
        """Let the next build make a release that is broken in this way; empty for one that is not."""
        dockerfile = self.folder / "Dockerfile"
        lines = dockerfile.read_text(encoding="utf-8").splitlines()
        lines = [f'ARG FAULT="{fault}"' if line.startswith("ARG FAULT=") else line for line in lines]
        dockerfile.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def push(self, message: str) -> str:
        """Commit everything and push it; returns the commit."""
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", message)
        git(self.folder, "push", "--quiet", "origin", "main")
        return git(self.folder, "rev-parse", "HEAD")

    def tag(self, version: str) -> str:
        """The text of the remote's annotated tag, empty when there is none."""
        return git(self.remote, "tag", "--list", "--format=%(contents)", version)
