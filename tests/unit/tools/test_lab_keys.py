"""The lab's keys: what they are good for and who may read them."""

from __future__ import annotations

import json
import ssl
import subprocess
from base64 import b64decode
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from lab import keys

SECRETS = ["ca.key", "registry.key", "registry_password", "id_ed25519", "host_key", "docker/config.json"]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """The folder of an instance with freshly made keys."""
    folder = tmp_path / "demo"
    keys.make(folder, "172.30.80.2:5000", "slipway", [2280, 2281])
    return folder


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_its_owners_alone(instance: Path, name: str) -> None:
    assert (instance / name).stat().st_mode & 0o777 == 0o600


def test_authority_signs_the_registry_for_its_address(instance: Path) -> None:
    certificate = x509.load_pem_x509_certificate((instance / "registry.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((instance / "ca.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [IPv4Address("172.30.80.2")]


def test_tls_accepts_the_authority_strictly(instance: Path) -> None:
    context = ssl.create_default_context(cafile=str(instance / "ca.crt"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(instance / "registry.crt", instance / "registry.key")
    handshake(context, server, "172.30.80.2")


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Shake hands in memory; raises ssl.SSLError when the client does not accept the server."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
    assert not ends


def test_every_machine_is_known_by_the_host_key(instance: Path) -> None:
    public = (instance / "host_key.pub").read_text().split()[1]
    lines = (instance / "known_hosts").read_text().splitlines()
    assert [line.split() for line in lines] == [
        ["[127.0.0.1]:2280", "ssh-ed25519", public],
        ["[127.0.0.1]:2281", "ssh-ed25519", public],
    ]


def test_ssh_can_read_the_key(instance: Path) -> None:
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(instance / "id_ed25519")], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[1] == (instance / "id_ed25519.pub").read_text().split()[1]


def test_login_holds_the_password(instance: Path) -> None:
    login = json.loads((instance / "docker" / "config.json").read_text())
    user, _, password = b64decode(login["auths"]["172.30.80.2:5000"]["auth"]).decode().partition(":")
    assert (user, f"{password}\n") == ("slipway", (instance / "registry_password").read_text())


def test_made_again_everything_is_new(instance: Path) -> None:
    before = {name: (instance / name).read_bytes() for name in SECRETS}
    keys.make(instance, "172.30.80.2:5000", "slipway", [2280])
    assert not [name for name in SECRETS if (instance / name).read_bytes() == before[name]]
