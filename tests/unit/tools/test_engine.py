"""Docker Engine: what is said and done when it answers, refuses, is stopped or is missing."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import engine
from tools.child import SetupError

ANSWERS = {
    "/version": {"Version": "20.10.24"},
    "/containers/json": [
        {"Labels": {"slipway.lab": "demo"}},
        {"Labels": {"slipway.lab": "demo"}},
        {"Labels": {"slipway.lab": "test"}},
    ],
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers like Docker Engine."""

    def do_GET(self) -> None:
        body = json.dumps(ANSWERS[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def socket_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the engine's socket would be; nobody listens."""
    path = tmp_path / "docker.sock"
    monkeypatch.setattr(engine, "SOCKET", path)
    return path


@pytest.fixture
def answering(socket_path: Path) -> Iterator[None]:
    """An engine that answers on the socket."""
    server = socketserver.ThreadingUnixStreamServer(str(socket_path), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("answering")
def test_answering_engine_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "start", lambda: pytest.fail("starts a second engine"))
    assert engine.ensure() == "20.10.24"


@pytest.mark.usefixtures("answering")
def test_lab_instances_are_told_by_their_containers() -> None:
    assert engine.lab_instances() == {"demo", "test"}


@pytest.mark.usefixtures("socket_path")
def test_silent_engine_has_no_version() -> None:
    assert engine.version() is None


def test_refused_user_is_told_about_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: engine.SocketConnection) -> None:
        raise PermissionError

    monkeypatch.setattr(engine.SocketConnection, "connect", refuse)
    with pytest.raises(SetupError, match="usermod -aG docker"):
        engine.ensure()


@pytest.mark.usefixtures("socket_path")
def test_missing_engine_without_root_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/apt-get")
    with pytest.raises(SetupError, match=r"sudo apt-get install docker\.io"):
        engine.ensure()


@pytest.mark.usefixtures("socket_path")
def test_stopped_engine_without_root_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="systemctl start docker"):
        engine.ensure()


@pytest.mark.usefixtures("socket_path")
def test_engine_that_ends_at_once_shows_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    monkeypatch.setattr(engine, "LOG", tmp_path / ".cache" / "dockerd.log")
    monkeypatch.setattr(engine, "PID_FILE", tmp_path / "docker.pid")
    monkeypatch.setattr(engine, "SYSTEMD", tmp_path / "absent")
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\necho 'no cgroup mount'; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(SetupError, match=r"exit code 3: no cgroup mount \(more in .cache/dockerd.log\)"):
        engine.start()


def test_pid_of_another_process_is_no_running_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PID_FILE", tmp_path / "docker.pid")
    assert not engine.running()
    with subprocess.Popen(["sleep", "60"]) as other:
        engine.PID_FILE.write_text(str(other.pid))
        assert not engine.running()
        other.kill()
