"""Make the keys, certificates and the password of one lab instance.

    python keys.py .lab/demo --registry 172.30.80.2:5000 --user slipway --ssh-port 2280

Everything is made anew, into the given folder. ``known_hosts`` is written last: where it is, the rest is.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import ipaddress
import json
import secrets
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=3650)
SECRET, PUBLIC = 0o600, 0o644


def write(path: Path, content: bytes, mode: int) -> None:
    """Write a new file that never has more permissions than ``mode``."""
    path.touch(mode=mode, exist_ok=False)
    path.write_bytes(content)


def ssh_key(path: Path, comment: str) -> str:
    """Write an Ed25519 key pair to ``path`` and ``path``.pub; return the public line without its comment."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    write(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), SECRET)
    write(path.with_suffix(".pub"), public + b" " + comment.encode() + b"\n", PUBLIC)
    return public.decode()


def tls_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Write a new private key to ``path`` and return it."""
    key = ec.generate_private_key(ec.SECP256R1())
    write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), SECRET)
    return key


def unsigned(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """A certificate for ``key`` that lacks only its extensions and its signature."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def certificates(folder: Path, instance: str, address: ipaddress.IPv4Address) -> None:
    """Write the instance's authority and the registry's certificate, which it signs for ``address``."""
    authority = f"slipway lab {instance} authority"
    ca_key = tls_key(folder / "ca.key")
    ca_usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        unsigned(authority, authority, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(ca_usage, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    registry = (
        unsigned(f"slipway lab {instance} registry", authority, tls_key(folder / "registry.key"))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write(folder / "ca.crt", ca.public_bytes(Encoding.PEM), PUBLIC)
    write(folder / "registry.crt", registry.public_bytes(Encoding.PEM), PUBLIC)


def registry_login(folder: Path, registry: str, user: str) -> None:
    """Write a new password, and the Docker configuration that logs in to ``registry`` with it."""
    password = secrets.token_urlsafe(24)
    write(folder / "registry_password", f"{password}\n".encode(), SECRET)
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    (folder / "docker").mkdir(mode=0o700)
    write(folder / "docker" / "config.json", json.dumps({"auths": {registry: {"auth": login}}}).encode(), SECRET)


def make(folder: Path, registry: str, user: str, ssh_ports: list[int]) -> None:
    """Make the folder of an instance anew, with all its keys; ``registry`` is ``address:port``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    certificates(folder, folder.name, ipaddress.IPv4Address(registry.partition(":")[0]))
    registry_login(folder, registry, user)
    ssh_key(folder / "id_ed25519", f"slipway-lab-{folder.name}")
    host_key = ssh_key(folder / "host_key", f"slipway-lab-{folder.name}-machines")
    lines = "".join(f"[127.0.0.1]:{port} {host_key}\n" for port in ssh_ports)
    write(folder / "known_hosts", lines.encode(), PUBLIC)


def main() -> None:
    """Read the command line and make the keys."""
    parser = argparse.ArgumentParser(description="Make the keys of one lab instance.")
    parser.add_argument("folder", type=Path, help=".lab/<instance>")
    parser.add_argument("--registry", required=True, help="address:port of the registry")
    parser.add_argument("--user", required=True, help="the registry's login")
    parser.add_argument("--ssh-port", type=int, action="append", required=True, help="repeat for each machine")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.registry, arguments.user, arguments.ssh_port)


if __name__ == "__main__":
    main()
