"""Secrets of a CI job, as files that only its user reads, for the steps that follow: write, or remove.

``python3 -m tools.credentials write`` takes them from these environment variables, each of which may be empty:

==========================  =======================================================================
SLIPWAY_SSH_KEY             private key that logs in to the VM
SLIPWAY_KNOWN_HOSTS         the VM's host keys, as in ``~/.ssh/known_hosts``
SLIPWAY_REGISTRY_PASSWORD   password of the registry's login
SLIPWAY_VAULT_PASSWORD      password of ``group_vars/*/vault.yml``
SLIPWAY_GITHUB_TOKEN        token of the job: pushes the git tag, reads who approved
==========================  =======================================================================

The files are in a folder of RUNNER_TEMP. The following steps get their paths, not their contents, through the file
GITHUB_ENV. ``python3 -m tools.credentials remove`` removes the folder, and ends the SSH sessions that were opened with
the key; so does the next ``write``, where a job was killed before.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tools import ssh_sessions

FOLDER = "slipway-credentials"


class CredentialsError(Exception):
    """The files cannot be written; the message is one sentence with what to do."""


def folder(environ: Mapping[str, str]) -> Path:
    """Where the files are.

    :raises CredentialsError: no CI runner has said where temporary files go.
    """
    if not environ.get("RUNNER_TEMP"):
        raise CredentialsError("RUNNER_TEMP is not set: set it to a folder that only you can read.")
    return Path(environ["RUNNER_TEMP"]) / FOLDER


def keep(path: Path, text: str) -> None:
    """Write a file that is never readable for others, ending in a newline as private keys have to."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text.replace("\r\n", "\n").rstrip("\n") + "\n", encoding="utf-8")


def login_url(server: str, token: str) -> str:
    """A line of git's credential store: https://git-scm.com/docs/git-credential-store#_storage_format."""
    parts = urlsplit(server)
    return f"{parts.scheme}://x-access-token:{token}@{parts.netloc}"


def write(environ: Mapping[str, str]) -> dict[str, str]:
    """Write every secret that is set; returns the environment variables that lead to the files."""
    target = folder(environ)
    remove(environ)
    target.mkdir(mode=0o700, parents=True)
    exported: dict[str, str] = {}

    def secret(source: str, name: str, text: str = "") -> Path | None:
        if not environ.get(source):
            return None
        keep(target / name, text or environ[source])
        return target / name

    key = secret("SLIPWAY_SSH_KEY", "ssh_key")
    hosts = secret("SLIPWAY_KNOWN_HOSTS", "known_hosts")
    if key and not hosts:
        raise CredentialsError(
            "SLIPWAY_KNOWN_HOSTS is empty, and no host is trusted unseen: set it to what ssh-keyscan prints for the "
            "VM, after comparing its fingerprint."
        )
    if key:
        sessions = ssh_sessions.folder(target)
        ssh_sessions.make(sessions)
        exported["ANSIBLE_SSH_CONTROL_PATH_DIR"] = str(sessions)
    for variable, path in {
        "ANSIBLE_PRIVATE_KEY_FILE": key,
        "SLIPWAY_REGISTRY_PASSWORD_FILE": secret("SLIPWAY_REGISTRY_PASSWORD", "registry_password"),
        "ANSIBLE_VAULT_PASSWORD_FILE": secret("SLIPWAY_VAULT_PASSWORD", "vault_password"),
        "SLIPWAY_GITHUB_TOKEN_FILE": secret("SLIPWAY_GITHUB_TOKEN", "github_token"),
    }.items():
        if path:
            exported[variable] = str(path)
    if hosts:
        exported["ANSIBLE_SSH_COMMON_ARGS"] = (
            f"-o UserKnownHostsFile={hosts} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes "
            "-o IdentitiesOnly=yes"
        )
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    login = secret("SLIPWAY_GITHUB_TOKEN", "git_login", login_url(server, environ.get("SLIPWAY_GITHUB_TOKEN", "")))
    if login:
        exported.update(
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0="credential.helper",
            GIT_CONFIG_VALUE_0=f"store --file={login}",
        )
    return exported


def remove(environ: Mapping[str, str]) -> None:
    """End the SSH sessions of the job and remove every file; nothing is left to do the second time.

    :raises CredentialsError: a session goes on, or a file stays; the other is gone all the same.
    """
    target = folder(environ)
    problems = []
    try:
        ssh_sessions.end(ssh_sessions.folder(target))
    except (ssh_sessions.SessionsError, OSError) as error:
        problems.append(str(error))
    try:
        if target.exists():
            shutil.rmtree(target)
    except OSError as error:
        problems.append(f"{target} cannot be removed, so remove it by hand: {error}")
    if problems:
        raise CredentialsError(" ".join(problems))


def main() -> int:
    """Write or remove the files; returns the exit code."""
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    try:
        if verb == "write":
            exported = write(os.environ)
            lines = [f"{name}={value}" for name, value in exported.items()]
            if os.environ.get("GITHUB_ENV"):
                with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
                    file.writelines(f"{line}\n" for line in lines)
            print("\n".join(lines))
        elif verb == "remove":
            remove(os.environ)
        else:
            print("usage: python3 -m tools.credentials write|remove", file=sys.stderr)
            return 2
    except (CredentialsError, ssh_sessions.SessionsError, OSError) as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
