"""When a version first answers on the public port, seen from outside."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.parse
from types import TracebackType

INTERVAL = 0.01
TIMEOUT = 2.0


class FirstAnswer:
    """Asks ``/version`` every INTERVAL seconds on a connection of its own each time, until ``version`` answers.

    :param url: of the public port.
    """

    def __init__(self, url: str, version: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._version = version
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.seconds: float | None = None
        """Seconds from entering the context to the first answer; None while there was none."""

    def __enter__(self) -> FirstAnswer:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL):
            if self._ask() == self._version:
                self.seconds = time.monotonic() - self._began
                return

    def _ask(self) -> str:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", "/version")
            return str(json.loads(connection.getresponse().read())["version"])
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return ""
        finally:
            connection.close()
