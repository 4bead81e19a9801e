"""The application under gunicorn, as its image starts it, as a process of its own."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

DEADLINE = 20.0


def free_port() -> int:
    """A port that nothing listens on, nor on the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


class Gunicorn:
    """One run of gunicorn; a context manager that ends it.

    :param folder: the application's folder.
    :param arguments: added to the command line.
    :param environ: its environment, beside PORT and PATH.
    """

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.port = free_port()
        self.lines: list[dict[str, Any]] = []
        self._unread: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PORT": str(self.port), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Gunicorn:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._unread.put(line)
        self._unread.put(None)

    def wait_for_line(self, **wanted: Any) -> dict[str, Any]:
        """The next line of the log that has these keys and values; every line has to be JSON."""
        until = time.monotonic() + DEADLINE
        while (text := self._unread.get(timeout=max(0, until - time.monotonic()))) is not None:
            line = json.loads(text)
            self.lines.append(line)
            if wanted.items() <= line.items():
                return line
        raise AssertionError(f"it ended without a line with {wanted}, after {self.lines}")

    def wait_until_listening(self, port: int | None = None) -> None:
        """Wait until the port, by default the one it was given, accepts connections."""
        until = time.monotonic() + DEADLINE
        while not self.listens(port or self.port):
            assert self.process.poll() is None, "it ended before it listened"
            assert time.monotonic() < until, "it does not listen"
            time.sleep(0.02)

    def listens(self, port: int) -> bool:
        """Whether the port accepts connections now."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def connect(self) -> HTTPConnection:
        """A connection to the port it was given."""
        return HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def stop(self) -> float:
        """Send SIGTERM and wait; returns the seconds it took to end."""
        began = time.monotonic()
        self.process.terminate()
        assert self.wait_for_exit() == 0
        return time.monotonic() - began

    def wait_for_exit(self) -> int:
        """Its exit code, with the rest of its log read."""
        code = self.process.wait(DEADLINE)
        while (text := self._unread.get(timeout=DEADLINE)) is not None:
            self.lines.append(json.loads(text))
        return code
