"""A registry that misbehaves: hands every request on to the lab's registry, and spoils what comes back."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import os
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from lab.keys import tls_key, unsigned
from tests import releases
from tests.integration.target import Target
from tests.lab import Lab, settings

SLOW_BYTES_PER_SECOND = 10_000
LAYER_BYTES = 300_000
FIRST_FRESH_BUILD = 91
PASSED_ON = ("content-type", "docker-content-digest", "docker-distribution-api-version", "www-authenticate", "etag")


@dataclass
class Fault:
    """What goes wrong now; see :class:`Handler`.

    :param kind: ``silent``, ``slow``, ``refusing``, ``other``, ``corrupt``, ``untagged``, or empty.
    :param instead: the tag whose manifest ``other`` gives for every digest.
    """

    kind: str = ""
    instead: str = ""
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Answers one request: manifests pass unless ``other`` or ``silent``, layers are what is slow, refused, corrupt."""

    protocol_version = "HTTP/1.1"
    fault: Fault
    lab: Lab

    def do_GET(self) -> None:
        fault, layer = self.fault, "/blobs/" in self.path
        if fault.kind == "silent":
            fault.released.wait()
            return
        if fault.kind == "refusing" and layer:
            self._answer(503, {}, b"unavailable")
            return
        if fault.kind == "untagged" and "/manifests/" in self.path and "/manifests/sha256:" not in self.path:
            self._answer(404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
            return
        path = self.path
        if fault.kind == "other" and "/manifests/sha256:" in path:
            path = f"{path.partition('/manifests/')[0]}/manifests/{fault.instead}"
        found = requests.request(
            self.command,
            f"https://{self.lab.registry}{path}",
            headers={name: self.headers[name] for name in ("Authorization", "Accept") if name in self.headers},
            verify=str(self.lab.directory / "ca.crt"),
            timeout=20,
        )
        content = found.content
        if fault.kind == "corrupt" and layer and content:
            content = _spoiled(content)
        told = {name: value for name, value in found.headers.items() if name.lower() in PASSED_ON}
        if self.command == "HEAD":
            told["Content-Length"] = found.headers.get("Content-Length", "0")
        self._answer(found.status_code, told, content, slow=fault.kind == "slow" and layer)

    do_HEAD = do_GET

    def _answer(self, status: int, headers: dict[str, str], content: bytes, slow: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        with contextlib.suppress(OSError):
            if not slow:
                self.wfile.write(content)
                return
            step = SLOW_BYTES_PER_SECOND // 10
            for start in range(0, len(content), step):
                self.wfile.write(content[start : start + step])
                if self.fault.released.wait(0.1):
                    return

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


def _spoiled(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@dataclass
class BadRegistry:
    """The registry, and how releases get into it.

    :param image: the repository of the lab's releases under its address.
    """

    lab: Lab
    address: str
    fault: Fault
    image: str
    _builds: Iterator[int] = field(default_factory=lambda: itertools.count(FIRST_FRESH_BUILD))

    @contextlib.contextmanager
    def broken(self, kind: str, instead: str = "") -> Iterator[None]:
        """Let it misbehave."""
        self.fault.kind, self.fault.instead = kind, instead
        self.fault.released.clear()
        try:
            yield
        finally:
            self.fault.kind = ""
            self.fault.released.set()

    def fresh(self) -> str:
        """Push a release of its own with a layer that no machine has yet; returns its version."""
        build = next(self._builds)
        name, version = releases.image(self.lab), releases.version(build)
        recipe = f"""
            FROM {name}:1.0.1
            ENV APP_VERSION={version}
            COPY fresh /fresh
            LABEL org.opencontainers.image.version={version}
        """
        folder = self.lab.directory / "releases" / "fresh"
        folder.mkdir(exist_ok=True)
        (folder / "fresh").write_bytes(os.urandom(LAYER_BYTES))
        (folder / "Dockerfile").write_text(recipe, encoding="utf-8")
        login = {"DOCKER_CONFIG": str(self.lab.directory / "docker")}
        releases.run(["docker", "build", "--quiet", "--tag", f"{name}:{version}", str(folder)], login)
        releases.run(["docker", "push", "--quiet", f"{name}:{version}"], login)
        releases.move(self.lab, name, f"build-{build}", version)
        return version


def certificate(lab: Lab, address: str, folder: Path) -> ssl.SSLContext:
    """TLS for an address, signed by the lab's authority."""
    ca = x509.load_pem_x509_certificate((lab.directory / "ca.crt").read_bytes())
    ca_key = load_pem_private_key((lab.directory / "ca.key").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = tls_key(folder / "key.pem")
    authority = str(ca.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    ours = (
        unsigned("bad registry", authority, key)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    (folder / "cert.pem").write_bytes(ours.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@contextlib.contextmanager
def bad_registry(target: Target, folder: Path) -> Iterator[BadRegistry]:
    """Run it on the lab's network, with a certificate that machine and controller trust."""
    lab = target.lab
    address = f"{settings('instance')['lab_instances'][lab.instance]['network']}.1"
    fault = Fault()
    handler = type("Bound", (Handler,), {"fault": fault, "lab": lab})
    server = ThreadingHTTPServer((address, 0), handler)
    server.daemon_threads = True
    server.socket = certificate(lab, address, folder).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"{address}:{server.server_port}"
    trust = f"/etc/docker/certs.d/{place}"
    target.run("mkdir", "-p", trust)
    target.run("sh", "-c", f"cat > {trust}/ca.crt", given=(lab.directory / "ca.crt").read_bytes())
    try:
        yield BadRegistry(lab, place, fault, f"{place}/{releases.image(lab).partition('/')[2]}")
    finally:
        fault.released.set()
        server.shutdown()
        target.run("rm", "-rf", trust)
