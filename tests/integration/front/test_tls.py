"""How the front speaks TLS."""

from __future__ import annotations

import http.client
import socket
import ssl

import pytest

from tests import lone_front
from tests.integration.authority import Authority
from tests.lone_clients import DEADLINE, GREEDY, half, held, until
from tests.lone_front import LoneFront, Start


@pytest.fixture(scope="module")
def secured(start: Start, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoneFront, Authority, int]:
    """It speaks TLS; and the port that redirects."""
    authority = Authority(tmp_path_factory.mktemp("tls") / "authority").make()
    redirect = lone_front.free_port()
    variables = {"proxy_hsts_seconds": 63072000, "proxy_redirect_port": redirect, "proxy_client_connections": 8}
    return start(certificate=authority.issue("127.0.0.1"), **variables), authority, redirect


def shaken(front: LoneFront, context: ssl.SSLContext) -> str:
    """The version of TLS that is spoken with a client; empty for none."""
    try:
        with (
            socket.create_connection(("127.0.0.1", front.port), timeout=DEADLINE) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1") as spoken,
        ):
            return str(spoken.version())
    except (ssl.SSLError, ConnectionError):
        return ""


def test_tls_is_that_of_mozillas_intermediate_settings(secured: tuple[LoneFront, Authority, int]) -> None:
    front, authority, _ = secured
    accepted = {}
    ciphers = [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-ECDSA-AES128-SHA",
    ]
    for cipher in ciphers:
        context = authority.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        accepted[cipher] = bool(shaken(front, context))
    assert accepted == {cipher: "GCM" in cipher or "CHACHA20" in cipher for cipher in ciphers}
    assert shaken(front, authority.context()) == "TLSv1.3"
    old = authority.context()
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert shaken(front, old) == ""
    assert "no-tls-tickets" in (front.folder / "haproxy.cfg").read_text()


def test_https_is_insisted_on_over_https_alone(secured: tuple[LoneFront, Authority, int]) -> None:
    front, authority, redirect = secured
    connection = http.client.HTTPSConnection("127.0.0.1", front.port, timeout=DEADLINE, context=authority.context())
    connection.request("GET", "/")
    assert connection.getresponse().headers.get_all("Strict-Transport-Security") == ["max-age=63072000"]
    connection.close()
    unsafe = http.client.HTTPConnection("127.0.0.1", redirect, timeout=DEADLINE)
    unsafe.request("GET", "/")
    answer = unsafe.getresponse()
    assert (answer.status, answer.headers["Strict-Transport-Security"]) == (http.HTTPStatus.PERMANENT_REDIRECT, None)
    unsafe.close()


def test_a_handshake_that_never_ends_counts_as_a_connection(secured: tuple[LoneFront, Authority, int]) -> None:
    front, _, _ = secured
    connections = half(front, 20, b"\x16\x03\x01", GREEDY)
    until(lambda: held(connections) <= 8, "all of them stay open")
    for connection in connections:
        connection.close()
