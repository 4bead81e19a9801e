"""Clients of a lone HAProxy, each with an address of the loopback of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable
from typing import Any

from tests.lone_front import LoneFront

GREEDY, OTHER = "127.0.0.2", "127.0.0.3"
DEADLINE = 15


def ask(
    front: LoneFront, *headers: tuple[str, str], path: str = "/", source: str = OTHER
) -> tuple[int, http.client.HTTPMessage, dict[str, Any]]:
    """Status, headers and what the application tells."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=DEADLINE, source_address=(source, 0))
    with contextlib.closing(connection):
        connection.putrequest("GET", path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, answer.headers, json.loads(content) if content.startswith(b"{") else {}


def seen(front: LoneFront, *headers: tuple[str, str], source: str = OTHER) -> dict[str, list[str]]:
    """The headers that the application gets, by name in lower case."""
    status, _, told = ask(front, *headers, source=source)
    assert status == http.HTTPStatus.OK
    found: dict[str, list[str]] = {}
    for name, value in told["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def half(front: LoneFront, number: int, sent: bytes, source: str) -> list[socket.socket]:
    """Connections on which a request has begun, those that were closed at once among them."""
    opened = []
    for _ in range(number):
        connection = socket.socket()
        opened.append(connection)
        connection.settimeout(DEADLINE)
        connection.bind((source, 0))
        with contextlib.suppress(ConnectionError):
            connection.connect(("127.0.0.1", front.port))
            connection.sendall(sent)
    return opened


def begins(front: LoneFront, path: str) -> bytes:
    """How an answer begins whose headers are too many for the library."""
    (connection,) = half(front, 1, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), OTHER)
    with contextlib.closing(connection):
        return connection.recv(12)


def held(connections: list[socket.socket]) -> int:
    """How many of them HAProxy has not closed."""
    opened = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            opened += connection.recv(1) != b""
        except BlockingIOError:
            opened += 1
        except OSError:
            pass
    return opened


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
