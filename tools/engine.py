"""Docker Engine on this machine: ask it, install it, start it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any

from tools import packages
from tools.child import ROOT, SetupError, run, say

SOCKET = Path("/var/run/docker.sock")
PID_FILE = Path("/var/run/docker.pid")
SYSTEMD = Path("/run/systemd/system")
LOG = ROOT / ".cache" / "dockerd.log"
START_SECONDS = 60.0

REQUIRED = ["docker.io", "iptables", "ca-certificates"]
# Newer releases of Debian and Ubuntu ship the command line and BuildKit apart from the engine.
OPTIONAL = ("docker-cli", "docker-buildx", "apparmor")


class SocketConnection(http.client.HTTPConnection):
    """HTTP over the engine's Unix socket."""

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(SOCKET))


def ask(path: str) -> Any:
    """The engine's answer to GET ``path``, parsed; None when no engine answers.

    Raises SetupError when this user may not talk to it.
    """
    connection = SocketConnection("localhost", timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == http.client.OK else None
    except PermissionError as error:
        raise SetupError(
            f"Docker Engine refuses this user ({SOCKET} is not writable): run "
            "'sudo usermod -aG docker \"$USER\"', log in again, then run this again."
        ) from error
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def version() -> str | None:
    """The version of the engine that answers; None when none does."""
    answer = ask("/version")
    return str(answer["Version"]) if answer else None


def lab_instances() -> set[str]:
    """The lab instances that have a container, running or stopped."""
    filters = urllib.parse.quote(json.dumps({"label": ["slipway.lab"]}))
    found = ask(f"/containers/json?all=1&filters={filters}") or []
    return {container["Labels"]["slipway.lab"] for container in found}


def ensure() -> str:
    """Make sure that an engine answers, installing and starting one if we are root; returns its version."""
    answering = version()
    if answering:
        return answering
    if not installed():
        packages.install("Docker Engine", REQUIRED, OPTIONAL)
    elif os.geteuid() != 0:
        raise SetupError(
            "Docker Engine is installed but not running: run 'sudo systemctl start docker', then run this again."
        )
    return start()


def installed() -> bool:
    """Whether dockerd is on this machine; its folder is not on every user's PATH."""
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is not None


def running() -> bool:
    """Whether the process that wrote dockerd's PID file is a dockerd and alive."""
    try:
        return Path("/proc", PID_FILE.read_text().strip(), "comm").read_text().strip() == "dockerd"
    except (OSError, ValueError):
        return False


def start() -> str:
    """Start dockerd, as a service where there is systemd, and wait for it; returns its version."""
    daemon = None
    if SYSTEMD.is_dir():
        run("Start Docker Engine", ["systemctl", "enable", "--now", "docker"])
    elif not running():
        say(f"Start Docker Engine (its log: {LOG.relative_to(ROOT)}) …")
        daemon = launch()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answering = version()
        if answering:
            return answering
        if daemon and daemon.poll() is not None:
            raise SetupError(f"Docker Engine ended with exit code {daemon.returncode}: {last_words()}")
        time.sleep(0.2)
    raise SetupError(f"Docker Engine did not answer within {START_SECONDS:.0f} s: {last_words()}")


def launch() -> subprocess.Popen[bytes]:
    """Start dockerd on its own, in a session that outlives us."""
    PID_FILE.unlink(missing_ok=True)
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        return subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )


def last_words() -> str:
    """The last line of dockerd's log, and where to find the others."""
    if not LOG.is_file():
        return "see 'journalctl -u docker'."
    lines = LOG.read_text(errors="replace").splitlines() or ["it said nothing"]
    return f"{lines[-1]} (more in {LOG.relative_to(ROOT)})"
