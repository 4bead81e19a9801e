"""The ledger: append-only history of one environment, kept on its target.

The file holds one JSON object a line. Every entry has

* ``seq``: 1 for the first line, then one more a line,
* ``time``: when it was written, UTC, RFC 3339 with milliseconds,
* ``event``: what happened, a lower-case word,
* the fields of that event,
* ``prev``: the ``hash`` of the line before (64 zeros in the first line),
* ``hash``: SHA-256, in hex, of the canonical JSON of the entry without ``hash``.

Canonical JSON is UTF-8 with sorted keys, no spaces and nothing escaped that need not be. A line is itself
canonical, and verified as bytes, so none of them can change unnoticed. The chain does not depend on ``time``,
because clocks move back. What a chain cannot show is that its newest lines are missing altogether.

Nothing on the disk but this file says what is in it: whoever could write a second one would decide.

The durable-file helpers below are shared with the lock and the configuration snapshots.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, NoReturn

Entry = dict[str, Any]

FIRST_PREV = "0" * 64
RESERVED = ("event", "hash", "prev", "seq", "time")
GUARD_TIMEOUT_SECONDS = 30.0

_EVENT = re.compile(r"[a-z][a-z_]*")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_GUARD_POLL_SECONDS = 0.01

# By path, what this process has verified: its content, and the entries of that. A deployment ends with five reads.
_verified: dict[str, tuple[bytes, list[Entry]]] = {}


class LedgerDamaged(Exception):
    """A line of a ledger is not what was written.

    Attributes: ``path`` of the ledger, ``line`` number of the first damaged line (from 1), ``reason``.
    """

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path} line {line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


def read(path: str) -> list[Entry]:
    """Return all entries, oldest first, after verifying every line; a missing file is an empty history.

    Raises LedgerDamaged for the first line that is not as written, OSError if the file cannot be read.
    """
    content = _content(path)
    return [] if content is None else _verify(path, content)


def append(path: str, event: str, fields: dict[str, Any], now: datetime | None = None) -> Entry:
    """Verify the ledger, add one entry atomically and durably, and return the entry as it reads back.

    ``now`` is the time of the event, by default the current one. The directory must exist.

    Raises ValueError for an event or fields that cannot be recorded, LedgerDamaged if the ledger is damaged
    already, TimeoutError if another process keeps it busy, OSError if it cannot be written. After any of
    these the ledger is as it was.
    """
    if not _EVENT.fullmatch(event):
        raise ValueError(f"the event {event!r} is not a lower-case word")
    reserved = sorted(set(RESERVED).intersection(fields))
    if reserved:
        raise ValueError(f"the ledger sets these fields itself: {', '.join(reserved)}")
    with exclusive(path):
        content = _content(path)
        entries = [] if content is None else _verify(path, content)
        body = {
            **fields,
            "seq": len(entries) + 1,
            "time": format_time(now or datetime.now(timezone.utc)),
            "event": event,
            "prev": entries[-1]["hash"] if entries else FIRST_PREV,
        }
        entry = {**body, "hash": hashlib.sha256(canonical(body)).hexdigest()}
        write_durably(path, (content or b"") + canonical(entry) + b"\n")
    return entry


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _verify(path: str, content: bytes) -> list[Entry]:
    """All entries, of which those that this process has verified already, byte for byte, are not parsed again."""
    before, known = _verified.get(path, (b"", []))
    if not content.startswith(before):
        before, known = b"", []
    with _no_garbage_collection():
        entries = known + _verify_lines(path, content[len(before) :], known)
    _verified[path] = (content, entries)
    return list(entries)


def _verify_lines(path: str, content: bytes, known: list[Entry]) -> list[Entry]:
    """The entries of the lines after those that are known."""
    lines = content.split(b"\n")
    torn = lines.pop()
    parsed = _parse_together(lines)
    entries: list[Entry] = []
    prev = known[-1]["hash"] if known else FIRST_PREV
    for number, line in enumerate(lines, start=len(known) + 1):
        try:
            entry = parsed[len(entries)] if parsed else _parse(line)
            _check_place(entry, number, prev)
            _check_hash(entry, line)
        except ValueError as error:
            raise LedgerDamaged(path, number, str(error)) from None
        prev = entry["hash"]
        entries.append(entry)
    if torn:
        raise LedgerDamaged(path, len(known) + len(lines) + 1, "the line is torn: it has no newline at its end")
    if not entries and not known:
        raise LedgerDamaged(path, 1, "the file is empty, a ledger that exists has at least one entry")
    return entries


def _parse_together(lines: list[bytes]) -> list[Entry]:
    """Return all lines parsed at once, which takes half the time; empty when one of them is not as it should be."""
    with contextlib.suppress(ValueError, RecursionError):
        parsed = _DECODER.decode((b"[" + b",".join(lines) + b"]").decode("utf-8"))
        if len(parsed) == len(lines) and all(isinstance(entry, dict) for entry in parsed):
            return list(parsed)
    return []


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the collector from looking again and again through what a long ledger is parsed to, none of it garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parse(line: bytes) -> Entry:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8") from None
    try:
        entry = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise ValueError("the line is not JSON") from None
    if not isinstance(entry, dict):
        raise ValueError("the line is JSON, but not an object")
    return entry


def _check_place(entry: Entry, number: int, prev: str) -> None:
    missing = [name for name in RESERVED if name not in entry]
    if missing:
        raise ValueError(f"required fields are missing: {', '.join(missing)}")
    if type(entry["seq"]) is not int or entry["seq"] != number:
        raise ValueError(f"seq is {entry['seq']!r} where {number} is due")
    if entry["prev"] != prev:
        raise ValueError("prev is not the hash of the line before")


def _check_hash(entry: Entry, line: bytes) -> None:
    # A line is canonical as written, so cutting its hash out gives the bytes that were hashed. That is faster
    # than encoding the entry again, and stricter: a changed byte that means the same JSON is found too.
    # Keys are sorted and "prev" follows, so the member always ends with a comma.
    claimed = str(entry["hash"]).encode("ascii", "replace")
    content = line.replace(b'"hash":"' + claimed + b'",', b"", 1)
    if hashlib.sha256(content).hexdigest().encode() != claimed:
        raise ValueError("the hash does not match its content")


def canonical(value: Any) -> bytes:
    """Return the one canonical JSON encoding of a plain JSON value.

    Raises ValueError for what JSON cannot hold or would give back changed: tuples, keys that are not
    strings, NaN and infinities, text that is not Unicode.
    """
    _require_plain(value)
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds half a surrogate pair, which UTF-8 cannot encode") from None


def _require_plain(value: Any) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ValueError(f"the key {name!r} is not a string")
            _require_plain(item)
    elif isinstance(value, list):
        for item in value:
            _require_plain(item)
    elif value is not None and not isinstance(value, (str, int, float)):
        raise ValueError(f"{type(value).__name__} is not a JSON type")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def format_time(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC with milliseconds; raises ValueError if it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"the time {moment} has no time zone")
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: object) -> datetime:
    """Return the moment that an RFC 3339 time in UTC (ending in Z) names; raises ValueError otherwise."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is not a time such as 2026-01-31T12:00:00Z")
    pattern = "%Y-%m-%dT%H:%M:%S.%f%z" if "." in text else "%Y-%m-%dT%H:%M:%S%z"
    return datetime.strptime(text, pattern)


@contextlib.contextmanager
def exclusive(path: str, timeout: float = GUARD_TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the writers' lock of a file (flock on ``<path>.guard``); the kernel frees it if we die.

    Raises TimeoutError if another process still holds it after ``timeout`` seconds.
    """
    guard = os.open(path + ".guard", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(
                        f"another process has kept {path} busy for {timeout:g} s: "
                        f"find it with `fuser {path}.guard`"
                    ) from None
                time.sleep(_GUARD_POLL_SECONDS)
        yield
    finally:
        os.close(guard)


def write_durably(path: str, data: bytes) -> None:
    """Replace a file by one with this content and mode 0600, so that a crash leaves the old or the new one.

    Callers hold ``exclusive(path)``: the new content is written to ``<path>.new`` first.
    """
    new = path + ".new"
    try:
        write_file(new, data)
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    sync_directory(os.path.dirname(path) or ".")


def write_file(path: str, data: bytes) -> None:
    """Write a file of mode 0600 and wait until its content is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def sync_directory(path: str) -> None:
    """Wait until the names in a directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
