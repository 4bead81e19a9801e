"""A long ledger is not parsed from its beginning each time, and no byte of it can change unnoticed all the same."""

import hashlib

import pytest
from ansible_collections.slipway.core.plugins.module_utils import ledger, ledger_index

ENTRIES = ledger_index.EVERY
PROBES = {"evidence": {"vm": [{"status": 200}]}}


@pytest.fixture
def path(tmp_path):
    """A ledger of ENTRIES, of which all but the last one were written by hand."""
    lines, prev = [], ledger.FIRST_PREV
    for number in range(1, ENTRIES):
        body = {"event": "deployed", "seq": number, "time": "2026-01-01T00:00:00.000Z", "prev": prev, **PROBES}
        prev = hashlib.sha256(ledger.canonical(body)).hexdigest()
        lines.append(ledger.canonical({**body, "hash": prev}) + b"\n")
    (tmp_path / "ledger.jsonl").write_bytes(b"".join(lines))
    ledger.append(str(tmp_path / "ledger.jsonl"), "deployed", PROBES)
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def index(path):
    """Its index, which the last entry has brought."""
    found = path.with_name("ledger.jsonl.index")
    assert found.exists()
    return found


def without_evidence(entries):
    return [{name: value for name, value in entry.items() if name != "evidence"} for entry in entries]


def test_entries_are_the_same_with_an_index(path, index):
    with_index = ledger.read(str(path))
    index.unlink()
    without_index = ledger.read(str(path))
    assert without_evidence(with_index) == without_evidence(without_index)
    assert ledger.whole(str(path), with_index) == without_index


def test_what_comes_after_the_index_is_verified_line_by_line(path, index):
    ledger.append(str(path), "failed", PROBES)
    assert ledger.read(str(path))[-1]["event"] == "failed"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"event":"failed"', b'"event":"failes"'))
    with pytest.raises(ledger.LedgerDamaged, match=f"line {ENTRIES + 1}: the hash does not match"):
        ledger.read(str(path))


@pytest.mark.parametrize("line", [1, ENTRIES // 2, ENTRIES])
def test_a_changed_byte_that_the_index_covers_is_found(path, index, line):
    lines = path.read_bytes().split(b"\n")
    lines[line - 1] = lines[line - 1].replace(b"200", b"201")
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ledger.LedgerDamaged, match=f"line {line}: the hash does not match"):
        ledger.read(str(path))


def test_a_ledger_that_lost_its_last_lines_is_not_taken_for_the_long_one(path, index):
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:10]) + b"\n")
    assert len(ledger.read(str(path))) == 10


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b'"deployed"', b'"failures"'),
        lambda content: b"",
        lambda content: b"{}\n[]",
        lambda content: b"[]\n[]",
    ],
)
def test_a_damaged_index_is_no_harm(path, index, damage):
    index.write_bytes(damage(index.read_bytes()))
    assert {entry["event"] for entry in ledger.read(str(path))} == {"deployed"}


def test_an_index_that_cannot_be_written_is_no_harm(path, index):
    index.unlink()
    index.mkdir()
    ledger.append(str(path), "failed", {})
    assert len(ledger.read(str(path))) == ENTRIES + 1


def test_a_short_ledger_has_no_index(tmp_path):
    ledger.append(str(tmp_path / "ledger.jsonl"), "deployed", {})
    assert not (tmp_path / "ledger.jsonl.index").exists()
