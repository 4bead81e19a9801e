"""The time in which a step of a run works on an environment: no step of another run meets it, and its lease goes on.

A controller can die while its last step goes on working on the target. The next run takes the lock over, and that step
must not act on what the next run has begun. So every step that changes something holds ``flock`` on ``<home>/work``,
which the kernel frees when the step dies, and looks at the lock once a second: one that has lost it ends at once, as if
it had been killed. One that must not be cut short writes into ``work`` how long it may take, and goes on. The run that
took the lock over waits for that before it looks at anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

from ansible_collections.slipway.core.plugins.module_utils import lock

WORK = "work"
LOCK = "lock.json"
BEAT_SECONDS = 1.0
# A step that has lost the lock notices at the next beat; only a machine that is overloaded takes longer.
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05
# Always as many, so that whoever reads meets the whole number.
UNCUT_CHARACTERS = 10
LOST_CODE = 1


class Tenure:
    """Holds an environment for one step; enter it before the first change and leave it after the last.

    Entering raises lock.LockLost when the run does not hold the lock, TimeoutError when another step does not end
    within WAIT_SECONDS and what it says it may take, and OSError.

    :param home: the environment's folder.
    :param run: the run that holds the lock.
    :param uncut: seconds that the step may take when it must not be ended between any two instructions; 0 for one that
        may be, which ends when the lock is lost.
    """

    def __init__(self, home: Path, run: str, uncut: int = 0) -> None:
        self._home = home
        self._path = str(home / LOCK)
        self._run = run
        self._uncut = uncut
        self._left = threading.Event()
        self._work = -1

    def __enter__(self) -> Tenure:
        lock.renew(self._path, self._run, _now())
        self._work = os.open(self._home / WORK, os.O_RDWR | os.O_CREAT, 0o600)
        # From here on, as the step that is waited for may take longer than a lease.
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            _take(self._work, self._home)
            os.pwrite(self._work, str(self._uncut).rjust(UNCUT_CHARACTERS).encode("ascii"), 0)
            lock.renew(self._path, self._run, _now())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        os.close(self._work)

    def _beat(self) -> None:
        renewed = time.monotonic()
        while not self._left.wait(BEAT_SECONDS):
            try:
                lease = lock.lease(self._path, self._run)
                if time.monotonic() - renewed >= lease / 3:
                    lock.renew(self._path, self._run, _now())
                    renewed = time.monotonic()
            except lock.LockLost as lost:
                if not self._uncut:
                    _end(f"This step gave up, because {lost}.")
                return
            except (OSError, TimeoutError):
                continue  # such as a full disk: the lease says how long that may last


def _take(work: int, home: Path) -> None:
    """Wait until no other step works here.

    :raises TimeoutError: one still does after WAIT_SECONDS and what it says it may take.
    """
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(work, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited = time.monotonic() - began
            if waited > WAIT_SECONDS + _uncut(work):
                raise TimeoutError(
                    f"a step of another run has been at work here for {waited:.0f} s although its lock was taken "
                    f"over: find it with fuser {home / WORK}"
                ) from None
            time.sleep(POLL_SECONDS)


def _uncut(work: int) -> int:
    """What the step that works here says it may take; 0 before any has said so."""
    return int(os.pread(work, UNCUT_CHARACTERS, 0) or 0)


def _end(message: str) -> None:
    """End the process from its second thread; what the first one does must survive that as it must survive a kill."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps({"failed": True, "msg": message}).encode("utf-8"))
    os._exit(LOST_CODE)


def _now() -> datetime:
    return datetime.now(timezone.utc)
