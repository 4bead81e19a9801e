"""A search for a name that no name server answers, and that no signal ends: as the C library waits for them."""

from __future__ import annotations

import ctypes
import socket
from typing import Any

import pytest


def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every search for a name wait for ever, in C."""
    library = ctypes.CDLL(None)

    def search(*_: Any, **__: Any) -> Any:
        lock = ctypes.create_string_buffer(64)
        while True:
            library.pthread_mutex_lock(lock)

    monkeypatch.setattr(socket, "getaddrinfo", search)
