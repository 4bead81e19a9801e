"""What becomes of a run that gets SIGINT or SIGTERM: it says what to do next, and ends soon. On the controller."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

# Longer than Ansible takes when nothing is in its way, and less than the 7.5 s that GitHub leaves to a cancelled job.
END_SECONDS = 5.0
TOLD = "✗ interrupted: run the same command again, which finishes or undoes what was begun\n"

_received: list[int] = []


def expect() -> None:
    """Put this before Ansible's own handlers, from the main thread. They run once: a second signal ends the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        _put_before(number, signal.getsignal(number))


def _put_before(number: signal.Signals, ansibles: Any) -> None:
    controller = os.getpid()

    def on_signal(received: int, frame: Any) -> None:
        if os.getpid() != controller:
            # A worker before it has handlers of its own, where Python may drop what is raised here.
            os._exit(128 + received)
        _received.append(received)
        # Not through Ansible's display, whose lock this very thread may hold.
        os.write(2, TOLD.encode())
        threading.Thread(target=_end_soon, args=[received], daemon=True).start()
        _end(_children() - _workers())
        ansibles(received, frame)

    signal.signal(number, on_signal)


def heed() -> None:
    """End a run that goes on although it has been interrupted; to be called, from the main thread, whenever it does.

    Python drops a KeyboardInterrupt that comes in a hook of its own, such as one at the start of a process.

    :raises KeyboardInterrupt: it has been.
    """
    if _received:
        raise KeyboardInterrupt


def _end_soon(number: int) -> None:
    """End a run that does not end by itself.

    A worker that is ended while it writes to Ansible's queue takes the lock of that queue with it, and Ansible then
    waits for the lock for ever (seen with ansible-core 2.21). So does a worker, which would outlive the run.
    """
    time.sleep(END_SECONDS)
    _end(_children() | _workers())
    os._exit(128 + number)


def _workers() -> set[int]:
    """The processes that Python knows it has started."""
    return {worker.pid for worker in multiprocessing.active_children() if worker.pid}


def _children() -> set[int]:
    """The processes that this one has started, where the kernel tells (Linux).

    One whose start was interrupted is not known to Python, nor to Ansible, and nobody else would end it.
    """
    listed = [path.read_text(encoding="ascii") for path in Path("/proc/self/task").glob("*/children")]
    return {int(pid) for pids in listed for pid in pids.split()}


def _end(processes: set[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
