"""The application of tests/images/h2c in this process, for what needs no container."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.images.h2c import h2c

DEADLINE = 15


@contextmanager
def application(version: str, fault: str = "") -> Iterator[int]:
    """Its port on the loopback."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        started = asyncio.run_coroutine_threadsafe(h2c.serve("127.0.0.1", 0, version, fault), loop)
        server = started.result(DEADLINE)
        yield int(server.sockets[0].getsockname()[1])
        loop.call_soon_threadsafe(server.close)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
