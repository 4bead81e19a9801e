"""What decides is read from the ledger: nothing beside it is believed, and nothing for longer than it holds."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import environment, ledger
from ansible_collections.slipway.core.plugins.module_utils.history import History

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
APPROVED = {
    "environment": "production",
    "version": "1.0.1",
    "digest": DIGEST,
    "approved_by": "alice",
    "expires": "2026-02-01T12:00:00Z",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of some entries, none of them an approval."""
    for number in range(3):
        ledger.append(str(tmp_path / "ledger.jsonl"), "failed", {"version": f"1.0.{number}"}, NOW)
    return tmp_path / "ledger.jsonl"


def events(path: Path) -> list[Any]:
    return [(entry["event"], entry.get("version")) for entry in ledger.read(str(path))]


def vouched_for(content: bytes, entries: list[dict[str, Any]]) -> bytes:
    """An index as earlier versions kept it beside a long ledger: entries, and the hash of the bytes they stand for."""
    body = json.dumps(entries, separators=(",", ":")).encode()
    hashes = {"sha256": hashlib.sha256(content).hexdigest(), "entries": hashlib.sha256(body).hexdigest()}
    return json.dumps({"size": len(content), **hashes}).encode() + b"\n" + body


def test_an_index_beside_the_ledger_approves_nothing(path: Path) -> None:
    entries = ledger.read(str(path))
    forged = [*entries[:-1], {**entries[-1], "event": "approved", **APPROVED}]
    ledger._verified.clear()
    path.with_name("ledger.jsonl.index").write_bytes(vouched_for(path.read_bytes(), forged))
    found = ledger.read(str(path))
    assert found == entries
    assert environment.approvals(found, History(found), "production", NOW) == {}
    ledger.append(str(path), "failed", {"version": "1.0.9"}, NOW)
    assert [event for event, _ in events(path)] == ["failed"] * 4


def test_a_byte_that_changes_after_it_was_verified_is_found(path: Path) -> None:
    ledger.read(str(path))
    path.write_bytes(path.read_bytes().replace(b'"1.0.1"', b'"1.0.7"'))
    with pytest.raises(ledger.LedgerDamaged, match="line 2: the hash does not match"):
        ledger.read(str(path))


def test_a_ledger_that_was_put_in_its_place_is_read_from_its_first_line(path: Path, tmp_path: Path) -> None:
    ledger.read(str(path))
    other = tmp_path / "other.jsonl"
    for number in range(5, 8):
        ledger.append(str(other), "deployed", {"version": f"1.0.{number}"}, NOW)
    other.replace(path)
    assert events(path) == [("deployed", "1.0.5"), ("deployed", "1.0.6"), ("deployed", "1.0.7")]


def test_what_was_cut_off_is_not_remembered(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    ledger.read(str(path))
    path.write_bytes(lines[0])
    assert events(path) == [("failed", "1.0.0")]


def test_what_comes_after_it_is_verified_as_well(path: Path) -> None:
    ledger.read(str(path))
    ledger.append(str(path), "failed", {"version": "1.0.3"}, NOW)
    path.write_bytes(path.read_bytes().replace(b'"1.0.3"', b'"1.0.4"'))
    with pytest.raises(ledger.LedgerDamaged, match="line 4: the hash does not match"):
        ledger.read(str(path))


def test_a_caller_cannot_change_what_the_next_one_reads(path: Path) -> None:
    ledger.read(str(path)).clear()
    assert len(events(path)) == 3
