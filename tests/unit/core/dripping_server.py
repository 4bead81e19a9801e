"""A server whose answers never end: it sends byte after byte, each before a time limit of the socket is over."""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

PAUSE_SECONDS = 0.05
# Fails a test that waits on, which otherwise would wait for ever.
PATIENCE_SECONDS = 10.0
BEGINNINGS = {
    "status line": b"",
    "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
}


@contextlib.contextmanager
def patience(seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Fail what waits for longer."""

    def fail(*_: Any) -> None:
        raise AssertionError(f"still waiting after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def dripping(server: socket.socket, beginning: bytes) -> Iterator[None]:
    """Answer every connection to a listening socket with ``beginning`` at once, and then byte by byte."""
    ended = threading.Event()

    def answer(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.sendall(beginning)
            while not ended.wait(PAUSE_SECONDS):
                client.sendall(b"x")

    def accept() -> None:
        with contextlib.suppress(OSError):
            for _ in itertools.count():
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        with patience():
            yield
    finally:
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        accepting.join()
        server.close()
