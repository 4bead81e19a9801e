"""The ledger: an append-only chain that names the line that is not as written, and survives crashes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import multiprocessing
import os
import stat
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import ledger
from ansible_collections.slipway.core.plugins.module_utils.ledger import LedgerDamaged
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
FORK = multiprocessing.get_context("fork")

texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
fields = st.dictionaries(texts.filter(lambda name: name not in ledger.RESERVED), plain, max_size=5)


def chain(*bodies: dict[str, Any]) -> list[bytes]:
    """Lines as the format's definition asks for, written down independently of the code under test."""
    lines, prev = [], "0" * 64
    for number, body in enumerate(bodies, start=1):
        entry = {"seq": number, "time": "2026-01-31T12:00:00.000Z", "event": "deployed", "prev": prev, **body}
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        prev = entry["hash"] = hashlib.sha256(text.encode()).hexdigest()
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        lines.append(text.encode() + b"\n")
    return lines


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.jsonl")


def store(path: str, *lines: bytes) -> None:
    Path(path).write_bytes(b"".join(lines))


def damage(path: str, *lines: bytes) -> LedgerDamaged:
    store(path, *lines)
    with pytest.raises(LedgerDamaged) as caught:
        ledger.read(path)
    return caught.value


def test_a_missing_file_is_an_empty_history(path: str) -> None:
    assert ledger.read(path) == []


def test_append_writes_what_the_format_defines(path: str) -> None:
    first = ledger.append(path, "deployed", {"version": "1.0.1", "note": 'quote " é \u2028 \\'}, now=NOW)
    second = ledger.append(path, "failed", {"evidence": {"log": ["a\nb"]}}, now=NOW)
    assert first["time"] == "2026-01-31T12:00:00.123Z"
    assert (first["seq"], second["seq"]) == (1, 2)
    expected = chain(
        {"version": "1.0.1", "note": 'quote " é \u2028 \\', "time": first["time"]},
        {"evidence": {"log": ["a\nb"]}, "time": first["time"], "event": "failed"},
    )
    assert Path(path).read_bytes() == b"".join(expected)
    assert ledger.read(path) == [first, second]


def test_the_time_is_now_by_default(path: str) -> None:
    written = ledger.parse_time(ledger.append(path, "deployed", {})["time"])
    assert abs(datetime.now(UTC) - written) < timedelta(seconds=10)


def test_clocks_may_move_back(path: str) -> None:
    ledger.append(path, "deployed", {}, now=NOW)
    ledger.append(path, "deployed", {}, now=NOW - timedelta(days=400))
    assert [entry["time"][:4] for entry in ledger.read(path)] == ["2026", "2024"]


@settings(max_examples=40, deadline=None)
@given(st.lists(fields, min_size=1, max_size=4))
def test_everything_plain_comes_back_as_it_went_in(history: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/ledger.jsonl"
        returned = [ledger.append(path, "deployed", each) for each in history]
        read = ledger.read(path)
        assert read == returned
        for entry, each in zip(read, history, strict=True):
            assert {name: entry[name] for name in each} == each


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    lines = chain({"n": 1e22, "text": "é\n"}, {"on": True}, {"hash of another": "a" * 64})
    content = bytearray(b"".join(lines))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/ledger.jsonl"
        store(path, bytes(content))
        with pytest.raises(LedgerDamaged) as caught:
            ledger.read(path)
    assert caught.value.line == b"".join(lines)[:position].count(b"\n") + 1


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=1))
def test_a_file_cut_anywhere_but_between_lines_is_found(cut: int) -> None:
    content = b"".join(chain({"text": "é"}, {"version": "1.0.2"}))
    cut %= len(content)
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/ledger.jsonl"
        store(path, content[:cut])
        if cut and content[cut - 1 : cut] == b"\n":
            assert len(ledger.read(path)) == 1
        else:
            with pytest.raises(LedgerDamaged):
                ledger.read(path)


def test_damage_names_file_line_and_reason(path: str) -> None:
    lines = chain({"version": "1.0.1"}, {"version": "1.0.2"}, {"version": "1.0.3"})
    found = damage(path, lines[0], lines[1].replace(b"1.0.2", b"1.0.9"), lines[2])
    assert (found.path, found.line) == (path, 2)
    assert str(found) == f"{path} line 2: the hash does not match its content"


def test_the_first_damaged_line_is_reported(path: str) -> None:
    lines = chain({"version": "1.0.1"}, {"version": "1.0.2"})
    assert damage(path, lines[0].replace(b"1.0.1", b"1.0.0"), b"garbage\n", b"torn").line == 1


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (b'{"seq": 2\n', "the line is not JSON"),
        (b"\n", "the line is not JSON"),
        (b"[" * 100_000 + b"\n", "the line is not JSON"),
        (b'{"seq": NaN}\n', "the line is not JSON"),
        (b"[]\n", "the line is JSON, but not an object"),
        (b'{"event":"\xff"}\n', "byte 11 is not UTF-8"),
        (b'{"event":"deployed","seq":2,"time":""}\n', "required fields are missing: hash, prev"),
    ],
)
def test_lines_that_are_no_entries(path: str, second: bytes, reason: str) -> None:
    found = damage(path, *chain({}), second)
    assert (found.line, found.reason) == (2, reason)


def test_a_removed_line_shows_as_a_wrong_seq(path: str) -> None:
    lines = chain({}, {}, {})
    found = damage(path, lines[0], lines[2])
    assert (found.line, found.reason) == (2, "seq is 3 where 2 is due")


@pytest.mark.parametrize("seq", [True, 1.0, "1", None])
def test_seq_is_a_whole_number(path: str, seq: object) -> None:
    assert damage(path, *chain({"seq": seq})).reason.startswith("seq is ")


def test_a_line_of_another_ledger_shows_as_a_broken_chain(path: str) -> None:
    found = damage(path, chain({}, {})[0], chain({"version": "1.0.7"}, {})[1])
    assert (found.line, found.reason) == (2, "prev is not the hash of the line before")


@pytest.mark.parametrize("claimed", [7, None, "é", "\ud800", "0" * 64])
def test_a_hash_that_is_none(path: str, claimed: object) -> None:
    entry = {**json.loads(chain({})[0]), "hash": claimed}
    found = damage(path, json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    assert found.reason == "the hash does not match its content"


def test_the_same_json_written_differently_is_damage(path: str) -> None:
    line = chain({"version": "1.0.1"})[0]
    assert damage(path, line.replace(b'"event":', b'"event": ')).line == 1
    assert damage(path, line.replace(b'{"event', b'{"event":"failed","event')).line == 1


def test_a_last_line_without_newline_is_torn(path: str) -> None:
    lines = chain({}, {})
    found = damage(path, lines[0], lines[1][:-1])
    assert (found.line, found.reason) == (2, "the line is torn: it has no newline at its end")


def test_an_empty_file_is_damage(path: str) -> None:
    assert damage(path).line == 1


def test_a_damaged_ledger_is_not_appended_to(path: str) -> None:
    store(path, *chain({}), b"torn")
    with pytest.raises(LedgerDamaged):
        ledger.append(path, "deployed", {})
    assert Path(path).read_bytes() == b"".join([*chain({}), b"torn"])


@pytest.mark.parametrize("name", ledger.RESERVED)
def test_reserved_fields_are_refused(path: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"sets these fields itself: {name}"):
        ledger.append(path, "deployed", {name: 1})
    assert not Path(path).exists()


@pytest.mark.parametrize("event", ["", "Deployed", "roll back", "deployed\n", "7"])
def test_events_are_lower_case_words(path: str, event: str) -> None:
    with pytest.raises(ValueError, match="is not a lower-case word"):
        ledger.append(path, event, {})


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        (1, 2),
        {1: "a"},
        {1: "a", "1": "b"},
        b"bytes",
        {"deep": [{2}]},
        "\ud800",
        NOW,
    ],
)
def test_what_json_cannot_hold_is_refused(path: str, value: object) -> None:
    ledger.append(path, "deployed", {})
    before = Path(path).read_bytes()
    with pytest.raises(ValueError):  # noqa: PT011 (each kind has its own sentence)
        ledger.append(path, "deployed", {"value": value})
    assert Path(path).read_bytes() == before


def test_only_the_owner_may_read_it(path: str) -> None:
    mask = os.umask(0)
    try:
        ledger.append(path, "deployed", {})
    finally:
        os.umask(mask)
    for name in (path, path + ".guard"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_failing_disk_leaves_the_ledger_as_it_was(path: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append(path, "deployed", {"version": "1.0.1"})
    real_open = os.open

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def open_full(name: str, flags: int, mode: int = 0o777) -> int:
        if name.endswith(".new"):
            full()
        return real_open(name, flags, mode)

    monkeypatch.setattr(os, step, open_full if step == "open" else full)
    with pytest.raises(OSError, match="No space left"):
        ledger.append(path, "deployed", {"version": "1.0.2"})
    monkeypatch.undo()
    assert [entry["version"] for entry in ledger.read(path)] == ["1.0.1"]
    assert {each.name for each in Path(path).parent.iterdir()} == {"ledger.jsonl", "ledger.jsonl.guard"}


def in_child(action: Callable[[], None]) -> None:
    child = FORK.Process(target=action)
    child.start()
    child.join(20)
    assert child.exitcode is not None


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_writer_that_dies_leaves_a_ledger_that_goes_on(path: str, step: str) -> None:
    ledger.append(path, "deployed", {"version": "1.0.1"})

    def die_at_step() -> None:
        setattr(os, step, lambda *_: os._exit(9))
        ledger.append(path, "deployed", {"version": "1.0.2"})

    in_child(die_at_step)
    assert [entry["version"] for entry in ledger.read(path)] == ["1.0.1"]
    ledger.append(path, "deployed", {"version": "1.0.3"})
    assert [entry["version"] for entry in ledger.read(path)] == ["1.0.1", "1.0.3"]


def test_the_entry_is_on_the_disk_before_it_has_its_name(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def recorded(*arguments: Any, real: Any = real, name: str = name) -> Any:
            calls.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, recorded)
    ledger.append(path, "deployed", {})
    assert calls == ["fsync", "replace", "fsync"]


def test_writers_at_the_same_time_all_get_their_line(path: str) -> None:
    def write() -> None:
        for _ in range(5):
            ledger.append(path, "deployed", {"writer": os.getpid()})

    children = [FORK.Process(target=write) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(20)
        assert child.exitcode == 0
    entries = ledger.read(path)
    assert [entry["seq"] for entry in entries] == list(range(1, 21))
    assert {entry["writer"] for entry in entries} == {child.pid for child in children}


def test_a_busy_ledger_is_not_waited_for_without_end(path: str) -> None:
    guard = os.open(path + ".guard", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match=r"busy for 0\.05 s"), ledger.exclusive(path, timeout=0.05):
            pass
    finally:
        os.close(guard)
    with ledger.exclusive(path, timeout=0.05):
        pass


def test_ten_thousand_entries_are_read_and_appended_to_quickly(path: str) -> None:
    store(path, *chain(*({"version": f"1.0.{build}", "evidence": "x" * 400} for build in range(10_000))))
    started = time.perf_counter()
    ledger.append(path, "deployed", {})
    assert time.perf_counter() - started < 2
    assert len(ledger.read(path)) == 10_001


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+01:00", "2026-02-31T12:00:00Z", 7],
)
def test_times_of_another_form_are_refused(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (strptime has its own sentence for impossible dates)
        ledger.parse_time(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_come_back_to_the_millisecond(moment: datetime) -> None:
    assert timedelta(0) <= moment - ledger.parse_time(ledger.format_time(moment)) < timedelta(milliseconds=1)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        ledger.format_time(datetime(2026, 1, 31))
