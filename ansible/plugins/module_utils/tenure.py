"""The time in which a step of a run works on an environment: no step of another run meets it, and its lease goes on.

A controller can die while its last step goes on working on the target. The next run takes the lock over, and that step
must not act on what the next run has begun. So every step that changes something holds ``flock`` on ``<home>/work``,
which the kernel frees when the step dies, and looks at the lock once a second: one that has lost it ends at once, as if
it had been killed. One that must not be cut short writes into ``work`` how long it may take, and goes on. The run that
took the lock over waits for that before it looks at anything.

Whatever watches the lock ends before the tenure does, and only then is the lock given back: by the tenure itself, so
that no step can mistake its own release for a loss. Once a step has written what later runs rely on, a loss ends it
with its answer, and not as a failure.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Iterator, Literal

from ansible_collections.slipway.core.plugins.module_utils import lock, way_back

WORK = "work"
LOCK = "lock.json"
BEAT_SECONDS = 1.0
# A step that has lost the lock notices at the next beat; only a machine that is overloaded takes longer.
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05
# Always as many, so that whoever reads meets the whole number.
UNCUT_CHARACTERS = 10
LOST_CODE = 1


@dataclass(frozen=True)
class GiveBack:
    """What a tenure does with the lock at its end: it gives it back.

    :param warn: is told when that fails, which undoes nothing: the lock then ends with its lease.
    :param when: "ended" however the step went; "failed" where the run goes on with the lock after a step that went
        well, "done" where it needs the lock to go back after one that failed.
    :param to: the lock that was taken over, by a run that has not come to undo what that one's left.
    """

    warn: Callable[[str], None]
    when: Literal["ended", "failed", "done"] = "ended"
    to: lock.Lock | None = None


class Tenure:
    """Holds an environment for one step; enter it before the first change and leave it after the last.

    Entering raises lock.LockLost when the run does not hold the lock, TimeoutError when another step does not end
    within WAIT_SECONDS and what it says it may take, and OSError.

    :param home: the environment's folder.
    :param run: the run that holds the lock.
    :param uncut: seconds that the step may take when it must not be ended between any two instructions; 0 for one that
        may be, which ends when the lock is lost.
    :param give_back: for the last step of a run with the lock. Nobody else gives a lock back.
    :param goes_back: whether the step goes back to what the ledger says. Then a lock that is held is enough, though it
        cannot be renewed, such as on a disk that is full or read-only: that may be why the run goes back.
    """

    def __init__(
        self, home: Path, run: str, uncut: int = 0, give_back: GiveBack | None = None, goes_back: bool = False
    ) -> None:
        self.given_back = False
        self._home = home
        self._path = str(home / LOCK)
        self._run = run
        self._uncut = uncut
        self._give_back = give_back
        self._goes_back = goes_back
        self._left = threading.Event()
        # Held while the step must not be ended.
        self._whole = threading.RLock()
        self._answer: dict[str, Any] | None = None
        self._beats = threading.Thread(target=self._beat, name="tenure", daemon=True)
        self._work = -1

    def __enter__(self) -> Tenure:
        try:
            self._renew()
            self._work = self._open_work()
            # From here on, as the step that is waited for may take longer than a lease.
            self._beats.start()
            _take(self._work, self._home)
            with self._disk_may_refuse():
                os.pwrite(self._work, str(self._uncut).rjust(UNCUT_CHARACTERS).encode("ascii"), 0)
            self._renew()
        except BaseException:
            self._leave(failed=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(failed=error is not None)

    @contextlib.contextmanager
    def _disk_may_refuse(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            if not self._goes_back:
                raise

    def _renew(self) -> None:
        with self._disk_may_refuse():
            lock.renew(self._path, self._run, _now())
            return
        lock.lease(self._path, self._run)

    def _open_work(self) -> int:
        with self._disk_may_refuse():
            return os.open(self._home / WORK, os.O_RDWR | os.O_CREAT, 0o600)
        return os.open(self._home / WORK, os.O_RDONLY)

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Do what is in this block to its end, also when the lock is lost meanwhile: for a moment only.

        Who has taken the lock over looks at nothing before this step has ended.
        """
        with self._whole:
            yield

    def has_done(self, answer: dict[str, Any]) -> None:
        """What the step was for is done: if the lock is lost from here on, this is its answer, and no failure.

        To be said in the block of :meth:`whole` that does it.
        """
        self._answer = answer

    def _leave(self, failed: bool) -> None:
        with self._whole:
            self._left.set()
        if self._beats.ident is not None:
            self._beats.join()
        try:
            if self._give_back and self._give_back.when in ("ended", "failed" if failed else "done"):
                self._release(self._give_back)
        finally:
            if self._work >= 0:
                os.close(self._work)
                self._work = -1

    def _release(self, give_back: GiveBack) -> None:
        try:
            self.given_back = lock.release(self._path, self._run, back_to=give_back.to)
        except Exception as error:
            give_back.warn(f"The lock could not be given back, and ends with its lease: {way_back.told(error)}.")

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
                    self._lose(lost)
                return
            except (OSError, TimeoutError):
                continue  # such as a full disk: the lease says how long that may last

    def _lose(self, lost: lock.LockLost) -> None:
        """End the step, unless it has come to its own end."""
        with self._whole:
            if self._left.is_set():
                return
            if self._answer is None:
                _end({"failed": True, "msg": f"This step gave up, because {lost}."}, LOST_CODE)
                return
            warning = f"What was to be done is done; the rest is left to the next run, because {lost}."
            _end({**self._answer, "warnings": [*self._answer.get("warnings", []), warning]}, 0)


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


def _end(answer: dict[str, Any], code: int) -> None:
    """End the process from its second thread; what the first one does must survive that as it must survive a kill."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(answer).encode("utf-8"))
    os._exit(code)


def _now() -> datetime:
    return datetime.now(timezone.utc)
