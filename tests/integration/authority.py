"""Certificates for tests, from an authority of their own."""

from __future__ import annotations

import secrets
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder of its own."""

    folder: Path

    @property
    def certificate_file(self) -> Path:
        """Its own certificate."""
        return self.folder / "ca.crt"

    def make(self) -> Authority:
        """Make its key and certificate."""
        self.folder.mkdir()
        self._request("/CN=Authority of a test", "ca", "-addext", "keyUsage=critical,keyCertSign,digitalSignature")
        return self

    def issue(self, address: str) -> str:
        """A new certificate for an address, with its key, in PEM."""
        name = secrets.token_hex(4)
        signed = ("-CA", str(self.certificate_file), "-CAkey", str(self.folder / "ca.key"))
        extension = f"subjectAltName=IP:{address}"
        self._request(
            "/CN=Certificate of a test", name, *signed, "-addext", extension, "-addext", "basicConstraints=CA:FALSE"
        )
        return "".join((self.folder / f"{name}.{kind}").read_text(encoding="ascii") for kind in ("crt", "key"))

    def _request(self, subject: str, name: str, *more: str) -> None:
        files = ("-keyout", str(self.folder / f"{name}.key"), "-out", str(self.folder / f"{name}.crt"))
        command = ["openssl", "req", "-x509", *KEY, "-subj", subject, "-days", "2", *files, *more]
        subprocess.run(command, check=True, capture_output=True)

    def context(self) -> ssl.SSLContext:
        """A client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.certificate_file))
