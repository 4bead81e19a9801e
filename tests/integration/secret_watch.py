"""Looks for secrets in the argument lists of every process of this machine, those in the lab's containers included."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

INTERVAL = 0.02


class SecretWatch:
    """While the context is entered, samples every process; :attr:`seen` are the secrets that were found."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = {secret: secret.encode() for secret in secrets}
        self.seen: set[str] = set()
        self.samples = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> SecretWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(INTERVAL):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    arguments = process.read_bytes()
                except OSError:
                    continue
                self.seen.update(secret for secret, spelled in self._secrets.items() if spelled in arguments)
            self.samples += 1
