"""Where the sockets of a job's SSH sessions are; that they end is tested with a VM."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import credentials, ssh_sessions

# As ssh makes a socket: a name of Ansible's, and 17 characters while it begins to listen.
ADDED = "/0123456789.abcdefghijklmnop"
SOCKET_BYTES = 107


@pytest.mark.parametrize(
    ("runner_temp", "with_the_credentials"),
    [
        ("/opt/actions-runner/_work/_temp", True),
        ("/home/runner/_work/_temp", True),
        ("/srv/" + "long/" * 20, False),
        ("/srv/a b", False),
        ("/srv/🚢", False),
        ("/srv/%h", False),
        ("/srv/$HOME", False),
    ],
)
def test_a_path_is_short_enough_for_a_socket_and_needs_no_quotes(runner_temp: str, with_the_credentials: bool) -> None:
    folder = ssh_sessions.folder(Path(runner_temp) / "slipway-credentials")
    assert (Path(runner_temp) in folder.parents) is with_the_credentials
    assert len(str(folder) + ADDED) <= SOCKET_BYTES
    assert ssh_sessions.PLAIN.fullmatch(str(folder))


def test_two_jobs_share_no_folder(tmp_path: Path) -> None:
    assert ssh_sessions.folder(tmp_path / "a b") != ssh_sessions.folder(tmp_path / "b c")


def test_a_folder_that_another_has_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ours").symlink_to(tmp_path)
    with pytest.raises(ssh_sessions.SessionsError, match="not a folder of this user"):
        ssh_sessions.make(tmp_path / "ours")
    assert (tmp_path / "ours").is_symlink()


def test_files_go_although_sessions_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"RUNNER_TEMP": str(tmp_path), "SLIPWAY_VAULT_PASSWORD": "v"}
    credentials.write(environ)

    def stays(path: Path) -> None:
        raise ssh_sessions.SessionsError("it goes on")

    monkeypatch.setattr(ssh_sessions, "end", stays)
    with pytest.raises(credentials.CredentialsError, match="it goes on"):
        credentials.remove(environ)
    assert not (tmp_path / credentials.FOLDER).exists()
