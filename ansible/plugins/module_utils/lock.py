"""The lock: one deployment per environment at a time, as a file on the target with a lease.

``lock.json`` holds ``owner``, ``host``, ``run_id``, ``started``, ``expires`` and ``lease_seconds``, and where it was
taken over ``after``. It is written whole or not at all, and every change is made under the writers' lock of the file,
so of any number of runs that try at once exactly one wins. A run that dies keeps the lock only until its lease ends.

No clock can make a lock eternal. An ``expires`` further away than the lock's own lease means that the clock
has moved back: the first run that meets it sets it to now plus that lease. A lease is at most
MAX_LEASE_SECONDS.

A damaged file (not JSON, missing or impossible values) counts as held, because its owner may be at work,
until it has not been modified for one lease of the run that asks. A modification time in the future is set to
now first.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum

from ansible_collections.slipway.core.plugins.module_utils import ledger

MAX_LEASE_SECONDS = 24 * 60 * 60


class LockDamaged(Exception):
    """The lock file is not a lock. Attributes: ``path``, ``reason``."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}")
        self.path = path
        self.reason = reason


class Outcome(Enum):
    """What became of an attempt to take the lock."""

    ACQUIRED = "acquired"
    """It was free."""
    RENEWED = "renewed"
    """It was ours already. A renewal with any other outcome means that the lock had been lost meanwhile."""
    TAKEN_OVER = "taken_over"
    """Its lease had ended, or its run is gone."""
    HELD = "held"
    """It is another run's, or damaged and not yet old enough."""


@dataclass(frozen=True)
class Lock:
    """Who holds an environment: since when, until when, and for how long at a time.

    ``after`` are the runs from which it was taken over one after the other, the last one first: whoever takes it over
    may meet what any of them left.
    """

    owner: str
    host: str
    run_id: str
    started: datetime
    expires: datetime
    lease_seconds: int
    after: tuple[str, ...] = ()

    def expired(self, now: datetime) -> bool:
        """Return whether the lease has ended."""
        return now >= self.expires

    def describe(self) -> str:
        """Return one clause for people: who, since when, until when."""
        return (
            f"held by {self.owner} on {self.host} (run {self.run_id}) "
            f"since {ledger.format_time(self.started)} until {ledger.format_time(self.expires)}"
        )


@dataclass(frozen=True)
class Attempt:
    """The answer to an attempt.

    ``lock`` is the lock as it is now (None if it is held by a damaged file), ``previous`` the expired one
    that was taken over, ``explanation`` one clause for people.
    """

    outcome: Outcome
    explanation: str
    lock: Lock | None = None
    previous: Lock | None = None

    @property
    def acquired(self) -> bool:
        """Whether the run may go on."""
        return self.outcome is not Outcome.HELD


def acquire(
    path: str,
    owner: str,
    host: str,
    run_id: str,
    lease_seconds: int,
    now: datetime,
    gone: str = "",
) -> Attempt:
    """Try once to take the lock, or to renew it if ``run_id`` holds it; ``started`` survives a renewal.

    ``gone`` names a run that the caller has proven dead: its lock is taken over before its lease ends.

    Raises ValueError for empty names, a lease outside 1 … MAX_LEASE_SECONDS or a time without zone,
    TimeoutError if another process keeps the file busy, OSError if it cannot be written.
    """
    now = ledger.parse_time(ledger.format_time(now))  # to the millisecond, as the file holds it
    mine = _checked(Lock(owner, host, run_id, now, now + _lease(lease_seconds), lease_seconds))
    with ledger.exclusive(path):
        try:
            found = read(path)
        except LockDamaged as damage:
            ends = _damage_ends(path, lease_seconds, now)
            if now < ends:
                text = f"{damage}; it can be taken over at {ledger.format_time(ends)}"
                return Attempt(Outcome.HELD, text)
            _write(path, mine)
            return Attempt(Outcome.TAKEN_OVER, f"{damage}; taken over", mine)
        if found is None:
            _write(path, mine)
            return Attempt(Outcome.ACQUIRED, mine.describe(), mine)
        if found.run_id == run_id:
            renewed = replace(mine, started=found.started, after=found.after)
            _write(path, renewed)
            return Attempt(Outcome.RENEWED, renewed.describe(), renewed)
        if found.expired(now) or found.run_id == gone:
            mine = replace(mine, after=(found.run_id, *found.after))
            _write(path, mine)
            return Attempt(Outcome.TAKEN_OVER, f"was {found.describe()}", mine, found)
        found = _capped(path, found, now)
        return Attempt(Outcome.HELD, found.describe(), found)


class LockLost(Exception):
    """Another run has taken the lock over, so that this one may touch nothing any more."""


def renew(path: str, run_id: str, now: datetime) -> None:
    """Begin the lease of a lock anew, before a step that must not meet another run's.

    Raises LockLost if ``run_id`` does not hold it, TimeoutError or OSError as ``acquire`` does.
    """
    with ledger.exclusive(path):
        try:
            found = read(path)
        except LockDamaged as damage:
            raise LockLost(str(damage)) from None
        if found is None or found.run_id != run_id:
            raise LockLost(f"the lock was lost to another run while this one took too long: it is {_holder(found)}")
        _write(path, replace(found, expires=now + timedelta(seconds=found.lease_seconds)))


def lease(path: str, run_id: str) -> int:
    """Return the seconds of the lease of a lock that ``run_id`` holds; raises LockLost if it does not, or OSError."""
    try:
        found = read(path)
    except LockDamaged as damage:
        raise LockLost(str(damage)) from None
    if found is None or found.run_id != run_id:
        raise LockLost(f"the lock was lost to another run while this one took too long: it is {_holder(found)}")
    return found.lease_seconds


def _holder(found: Lock | None) -> str:
    return found.describe() if found else "nobody's"


def release(path: str, run_id: str, back_to: Lock | None = None) -> bool:
    """Remove the lock if ``run_id`` holds it; return whether it did. A damaged file is nobody's and stays.

    ``back_to`` is the lock that was taken over, by a run that has not come to undo what that one's left.
    """
    with ledger.exclusive(path):
        try:
            found = read(path)
        except LockDamaged:
            return False
        if found is None or found.run_id != run_id:
            return False
        if back_to:
            _write(path, back_to)
            return True
        os.unlink(path)
        ledger.sync_directory(os.path.dirname(path) or ".")
        return True


def read(path: str) -> Lock | None:
    """Return the lock, expired or not, None if there is none; raises LockDamaged or OSError."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return None
    try:
        values = json.loads(content.decode("utf-8"))
        return _checked(
            Lock(
                owner=values["owner"],
                host=values["host"],
                run_id=values["run_id"],
                started=ledger.parse_time(values["started"]),
                expires=ledger.parse_time(values["expires"]),
                lease_seconds=values["lease_seconds"],
                after=tuple(values.get("after", ())),
            )
        )
    except KeyError as error:
        raise LockDamaged(path, f"the field {error.args[0]} is missing") from None
    except (TypeError, RecursionError):
        raise LockDamaged(path, "it is not a JSON object of texts and numbers") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise LockDamaged(path, "it is not JSON") from None
    except ValueError as error:
        raise LockDamaged(path, str(error)) from None


def _checked(lock: Lock) -> Lock:
    for name in ("owner", "host", "run_id"):
        value = getattr(lock, name)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} must be a text that is not empty, not {value!r}")
    if not all(isinstance(run, str) and run for run in lock.after):
        raise ValueError(f"after must be texts that are not empty, not {lock.after!r}")
    _lease(lock.lease_seconds)
    return lock


def _lease(seconds: int) -> timedelta:
    if type(seconds) is not int or not 1 <= seconds <= MAX_LEASE_SECONDS:
        raise ValueError(f"lease_seconds must be a number from 1 to {MAX_LEASE_SECONDS}, not {seconds!r}")
    return timedelta(seconds=seconds)


def _write(path: str, lock: Lock) -> None:
    values = {
        "owner": lock.owner,
        "host": lock.host,
        "run_id": lock.run_id,
        "started": ledger.format_time(lock.started),
        "expires": ledger.format_time(lock.expires),
        "lease_seconds": lock.lease_seconds,
        **({"after": list(lock.after)} if lock.after else {}),
    }
    ledger.write_durably(path, ledger.canonical(values) + b"\n")


def _capped(path: str, lock: Lock, now: datetime) -> Lock:
    latest = now + timedelta(seconds=lock.lease_seconds)
    if lock.expires <= latest:
        return lock
    capped = replace(lock, expires=latest)
    _write(path, capped)
    return capped


def _damage_ends(path: str, lease_seconds: int, now: datetime) -> datetime:
    modified = datetime.fromtimestamp(os.stat(path).st_mtime, timezone.utc)
    if modified > now:
        os.utime(path, (now.timestamp(), now.timestamp()))
        modified = now
    return modified + timedelta(seconds=lease_seconds)
