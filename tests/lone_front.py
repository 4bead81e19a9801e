"""HAProxy on this machine with what the role proxy renders, in front of an application of a test; without a VM."""

from __future__ import annotations

import functools
import json
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.slipway.core.plugins.module_utils.front import NOTHING, shared_with

from tests.lab import ROOT

ROLES = ROOT / "ansible" / "roles"
START_SECONDS = 20
LARGE_HEADER = 20_000
# What one client may take, where it may take little.
FEW = {
    "proxy_client_connections": 8,
    "proxy_client_connection_rate": 0,
    "proxy_client_requests": 3,
    "proxy_client_request_rate": 40,
    "proxy_request_timeout": 1,
}


class Handler(BaseHTTPRequestHandler):
    """Answers with the headers that it got; ``/large`` with a large header besides, ``/many`` with many, ``/slow`` once
    :attr:`Application.go` is set."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked: Application = self.server.asked  # type: ignore[attr-defined]
        asked.paths.append(self.path)
        if self.path == "/slow":
            asked.go.wait(START_SECONDS)
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        told = {"version": asked.version, "bytes": length, "headers": self.headers.items()}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/large":
            self.send_header("X-Large", LARGE_HEADER * "x")
        if self.path == "/many":
            for number in range(120):
                self.send_header(f"X-Many-{number}", "x")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@dataclass
class Application:
    """An application that tells what it was asked.

    :param paths: what it was asked, from the moment at which it saw the headers on.
    """

    version: str
    port: int = 0
    paths: list[str] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)


@contextmanager
def application(version: str) -> Iterator[Application]:
    """An application on a port of the loopback."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512
        asked = Application(version)

        def handle_error(self, *_: Any) -> None:
            """A client that has gone is no error."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.asked
        finally:
            server.asked.go.set()
            server.shutdown()
            thread.join()


def _trusted(value: Any) -> Any:
    """A variable as Ansible has read it."""
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


@functools.cache
def _plugins() -> None:
    """What the variables look up is found."""
    init_plugin_loader()


def rendered(**given: Any) -> str:
    """What HAProxy reads with these variables, the others as by default, and the traffic on the slot blue."""
    _plugins()
    files = [ROLES / role / part / "main.yml" for role in ("deploy", "proxy") for part in ("defaults", "vars")]
    variables = {key: _trusted(value) for path in files for key, value in yaml.safe_load(path.read_text()).items()}
    named = {
        "env": "staging",
        "__proxy_environment": "staging",
        "deploy_name": "lone",
        "role_path": str(ROLES / "proxy"),
    }
    slots = {"blue": given.get("proxy_blue_port", 1), "green": given.get("proxy_green_port", 1)}
    state = {
        "__proxy_settings": "lone",
        "__proxy_slot": "blue",
        "__proxy_maintenance": False,
        "__proxy_slot_ports": slots,
    }
    template = f"{{{{ lookup('ansible.builtin.template', '{ROLES}/proxy/templates/haproxy.cfg.j2') }}}}"
    return str(Templar(DataLoader(), {**variables, **named, **state, **given}).template(trust_as_template(template)))


@dataclass(frozen=True)
class LoneFront:
    """A HAProxy that runs.

    :param folder: holds its configuration, and in ``run`` its socket.
    """

    port: int
    folder: Path
    container: str

    def tell(self, command: str) -> str:
        """What the runtime API answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "run" / "lone.sock"))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


# Starts HAProxy with variables of the roles.
Start = Callable[..., LoneFront]


def free_port() -> int:
    """A port of the loopback that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def front(
    image: str, folder: Path, certificate: str = "", protocols: Mapping[str, str] = NOTHING, **given: Any
) -> Iterator[LoneFront]:
    """HAProxy of an image, with variables of the roles.

    :param certificate: chain and key, for a port with TLS.
    :param protocols: by slot what is spoken with it, by default HTTP/1.1.
    """
    port = free_port()
    variables = {"deploy_bind": "0.0.0.0", "deploy_port": port, "proxy_tls_certificate": certificate, **given}  # noqa: S104
    config = shared_with(rendered(**variables), "blue", protocols)
    (folder / "run").mkdir(parents=True)
    (folder / "haproxy.cfg").write_text(config)
    (folder / "bypass").write_text("a-word-that-nobody-knows\n")
    for line in config.splitlines():
        if " crt /etc/slipway/" in line:
            (folder / line.partition("/etc/slipway/")[2].split()[0]).write_text(certificate)
    name = f"slipway-test-{secrets.token_hex(4)}"
    mounts = ["--volume", f"{folder}:/etc/slipway:ro", "--volume", f"{folder}/run:/run/slipway"]
    options = ["--user", "0:0", "--network", "host", "--env", "SLIPWAY_SOCKET=/run/slipway/lone.sock", *mounts]
    command = ["haproxy", "-W", "-db", "-f", "/etc/slipway/haproxy.cfg"]
    subprocess.run(
        ["docker", "run", "--detach", "--name", name, *options, image, *command], check=True, capture_output=True
    )
    try:
        _wait(port, name)
        yield LoneFront(port, folder, name)
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


def _wait(port: int, container: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    told = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=False)
    raise AssertionError(f"HAProxy does not listen: {told.stdout}{told.stderr}")
