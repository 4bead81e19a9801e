"""Secrets of a CI job, as files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import credentials, ssh_sessions

SECRETS = {
    "SLIPWAY_SSH_KEY": "-----BEGIN KEY-----\r\nline\r\n-----END KEY-----",
    "SLIPWAY_KNOWN_HOSTS": "vm ssh-ed25519 AAAA",
    "SLIPWAY_REGISTRY_PASSWORD": "p$'\"{{",
    "SLIPWAY_VAULT_PASSWORD": "v4ult-p4ss",
    "SLIPWAY_GITHUB_TOKEN": "ghs_t0k3n",
}


@pytest.fixture(autouse=True)
def sessions(tmp_path: Path) -> Iterator[None]:
    """Leaves no folder of sockets, which is below /tmp where that of the test has a long path."""
    yield
    ssh_sessions.end(ssh_sessions.folder(tmp_path / credentials.FOLDER))


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / credentials.FOLDER).iterdir() if path.is_file()}


def test_every_secret_is_in_a_file_that_only_its_user_reads(tmp_path: Path) -> None:
    os.umask(0o022)
    credentials.write({"RUNNER_TEMP": str(tmp_path), **SECRETS})
    folder = tmp_path / credentials.FOLDER
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()} == {0o600}
    assert files(tmp_path)["ssh_key"] == "-----BEGIN KEY-----\nline\n-----END KEY-----\n"
    assert files(tmp_path)["registry_password"] == "p$'\"{{\n"


def test_what_is_exported_leads_to_the_files_and_holds_no_secret(tmp_path: Path) -> None:
    exported = credentials.write({"RUNNER_TEMP": str(tmp_path), **SECRETS})
    folder = tmp_path / credentials.FOLDER
    assert exported["ANSIBLE_PRIVATE_KEY_FILE"] == str(folder / "ssh_key")
    assert "StrictHostKeyChecking=yes" in exported["ANSIBLE_SSH_COMMON_ARGS"]
    assert f"UserKnownHostsFile={folder / 'known_hosts'}" in exported["ANSIBLE_SSH_COMMON_ARGS"]
    assert not [value for value in exported.values() if value in SECRETS.values()]


def test_git_finds_the_login_of_the_server(tmp_path: Path) -> None:
    exported = credentials.write({"RUNNER_TEMP": str(tmp_path), **SECRETS, "GITHUB_SERVER_URL": "https://git.example"})
    asked = subprocess.run(
        ["git", "credential", "fill"],
        input="protocol=https\nhost=git.example\n\n",
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0", **exported},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"username=x-access-token", "password=ghs_t0k3n"} <= set(asked.stdout.splitlines())


def test_what_is_not_set_is_neither_written_nor_exported(tmp_path: Path) -> None:
    exported = credentials.write({"RUNNER_TEMP": str(tmp_path), "SLIPWAY_VAULT_PASSWORD": "v"})
    assert exported.keys() == {"ANSIBLE_VAULT_PASSWORD_FILE"}
    assert files(tmp_path) == {"vault_password": "v\n"}


def test_a_key_without_known_hosts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(credentials.CredentialsError, match="no host is trusted unseen"):
        credentials.write({"RUNNER_TEMP": str(tmp_path), "SLIPWAY_SSH_KEY": "key"})


def run(verb: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = ["python3", "-m", "tools.credentials", verb]
    env = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run(command, cwd=credentials.__file__.rsplit("/", 2)[0], env=env, capture_output=True, text=True)


def test_as_a_step_of_a_job(tmp_path: Path) -> None:
    environ = {"RUNNER_TEMP": str(tmp_path), "GITHUB_ENV": str(tmp_path / "env")}
    written = run("write", **environ, **SECRETS)
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "env").read_text() == written.stdout
    assert not [secret for secret in SECRETS.values() if secret in written.stdout]
    assert run("remove", **environ).returncode == 0
    assert not (tmp_path / credentials.FOLDER).exists()
    assert run("remove", **environ).returncode == 0


@pytest.mark.parametrize(("verb", "code", "said"), [("write", 1, "RUNNER_TEMP is not set"), ("read", 2, "usage:")])
def test_misuse_is_told_in_one_line(verb: str, code: int, said: str) -> None:
    done = run(verb)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
    assert said in done.stderr
