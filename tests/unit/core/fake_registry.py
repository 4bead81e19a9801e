"""An image registry on the loopback interface, with TLS and login, that can misbehave on demand."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dripping_server import PAUSE_SECONDS

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
USERNAME, PASSWORD, TOKEN = "robot", "päss:word", "a-token"
LOGIN = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
REPOSITORY = "team/myapp"
PAGE = 2


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake registry")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "ca.crt", folder / "ca.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


class FakeRegistry:
    """One repository. ``status`` answers everything with that status; ``hangs`` answers nothing at all.

    What has ``drips`` in its path is answered byte by byte, without an end.
    """

    def __init__(self, certificate: Path, key: Path, tokens: bool = False) -> None:
        self.ca_file = str(certificate)
        self.tokens = tokens
        self.status = 0
        self.hangs = False
        self.drips = ""
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.tags: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.closing = threading.Event()
        registry = self

        class Handler(_Handler):
            fake = registry

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def image(self) -> str:
        return f"{self.host}/{REPOSITORY}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def add_blob(self, content: bytes) -> dict[str, Any]:
        self.blobs[digest(content)] = content
        return {"mediaType": CONFIG, "size": len(content), "digest": digest(content)}

    def add_manifest(self, document: dict[str, Any], *tags: str) -> str:
        content = json.dumps(document).encode()
        self.manifests[digest(content)] = (document["mediaType"], content)
        self.tags.update(dict.fromkeys(tags, digest(content)))
        return digest(content)

    def add_image(self, *tags: str, **labels: str) -> str:
        """An image with OCI labels under these tags; its digest."""
        named = {f"org.opencontainers.image.{name}": text for name, text in labels.items()}
        config = self.add_blob(json.dumps({"config": {"Labels": named or None}, "tags": tags}).encode())
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
        return self.add_manifest(document, *tags)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeRegistry
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Test output stays quiet."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _handle(self) -> None:
        fake, parts = self.fake, urlsplit(self.path)
        fake.requests.append((self.command, parts.path))
        if fake.hangs:
            fake.closing.wait(30)
            return
        if fake.drips and fake.drips in parts.path:
            self._drip()
        elif fake.status:
            self._answer(fake.status, b"{}")
        elif parts.path == "/token":
            if self.headers.get("Authorization") == LOGIN:
                self._answer(200, json.dumps({"token": TOKEN}).encode())
            else:
                self._answer(401, b"{}")
        elif self.headers.get("Authorization") != (f"Bearer {TOKEN}" if fake.tokens else LOGIN):
            realm = f'Bearer realm="https://{fake.host}/token",service="fake",scope="repository:{REPOSITORY}:pull"'
            self._answer(401, b"{}", WWW_Authenticate=realm if fake.tokens else 'Basic realm="fake"')
        else:
            self._serve(parts.path.removeprefix(f"/v2/{REPOSITORY}/"), parse_qs(parts.query))

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.fake.closing.wait(PAUSE_SECONDS):
            self.wfile.write(b"x")

    def _serve(self, path: str, query: dict[str, list[str]]) -> None:
        fake = self.fake
        kind, _, reference = path.partition("/")
        if kind == "tags" and fake.tags:
            names = sorted(fake.tags)
            start = names.index(query["last"][0]) + 1 if "last" in query else 0
            page, rest = names[start : start + PAGE], names[start + PAGE :]
            link = {"Link": f'</v2/{REPOSITORY}/tags/list?last={page[-1]}>; rel="next"'} if rest else {}
            self._answer(200, json.dumps({"tags": page}).encode(), **link)
        elif kind == "manifests" and self.command == "PUT":
            content = self.rfile.read(int(self.headers["Content-Length"]))
            fake.manifests[digest(content)] = (self.headers["Content-Type"], content)
            fake.tags[reference] = digest(content)
            self._answer(201)
        elif kind == "manifests" and fake.tags.get(reference, reference) in fake.manifests:
            found = fake.tags.get(reference, reference)
            media_type, content = fake.manifests[found]
            self._answer(200, content, Content_Type=media_type, Docker_Content_Digest=found)
        elif kind == "blobs" and reference in fake.blobs:
            self._answer(200, fake.blobs[reference])
        else:
            self._answer(404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}')

    do_GET = do_HEAD = do_PUT = do_POST = _handle
