"""An entry of the ledger that the rest of a step may rely on: once it is there, nothing takes it for missing."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.slipway.core.plugins.module_utils import ledger, shown


def append(path: str, event: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Write an entry, in which text from outside is visible to whatever reads it later; returns it."""
    return ledger.append(path, event, shown.plain(fields))


def record(path: str, event: str, fields: dict[str, Any], warn: Callable[[str], None]) -> dict[str, Any]:
    """Write an entry; returns it.

    What fails after the ledger has it, such as making the folder durable, is a warning.
    """
    fields = shown.plain(fields)
    try:
        return append(path, event, fields)
    except OSError as error:
        entry = _written(path, event, fields)
        if entry is None:
            raise
        warn(f"The ledger has the entry {entry['seq']}, which an outage of the machine may undo: {error}")
        return entry


def _written(path: str, event: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    """The last entry, if it is the one of these fields."""
    try:
        entries = ledger.read(path)
    except (OSError, ValueError, ledger.LedgerDamaged):
        return None
    last = entries[-1] if entries else None
    same = last and last["event"] == event and all(last.get(name) == value for name, value in fields.items())
    return last if same and fields.get("run") else None
