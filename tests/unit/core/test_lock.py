"""The lock: one run at a time, taken over only when its lease has ended, whatever the clock does."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import lock
from ansible_collections.slipway.core.plugins.module_utils.lock import Attempt, LockDamaged, Outcome
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LEASE = 600
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock.json")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def acquire(path: str, run_id: str, now: datetime = NOW, lease: int = LEASE) -> Attempt:
    return lock.acquire(path, f"owner of {run_id}", "host", run_id, lease, now)


def test_a_free_lock_is_acquired_and_kept_as_it_was_told(path: str) -> None:
    attempt = lock.acquire(path, "alice", "laptop", "run-1", LEASE, NOW)
    assert attempt.acquired
    assert attempt.outcome is Outcome.ACQUIRED
    assert lock.read(path) == attempt.lock == lock.Lock("alice", "laptop", "run-1", NOW, later(600), LEASE)
    assert json.loads(Path(path).read_text()) == {
        "owner": "alice",
        "host": "laptop",
        "run_id": "run-1",
        "started": "2026-01-31T12:00:00.000Z",
        "expires": "2026-01-31T12:10:00.000Z",
        "lease_seconds": 600,
    }
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_no_lock_reads_as_none(path: str) -> None:
    assert lock.read(path) is None


def test_a_second_run_is_told_who_holds_it_since_when_until_when(path: str) -> None:
    first = acquire(path, "one")
    second = acquire(path, "two", later(599.999))
    assert not second.acquired
    assert second.outcome is Outcome.HELD
    assert second.lock == first.lock
    assert second.explanation == (
        "held by owner of one on host (run one) since 2026-01-31T12:00:00.000Z until 2026-01-31T12:10:00.000Z"
    )


def test_an_ended_lease_is_taken_over(path: str) -> None:
    first = acquire(path, "one")
    second = acquire(path, "two", later(600))
    assert second.outcome is Outcome.TAKEN_OVER
    assert second.previous == first.lock
    assert second.explanation.startswith("was held by owner of one")
    assert lock.read(path) == second.lock


def test_a_lock_remembers_the_runs_it_was_taken_over_from(path: str) -> None:
    acquire(path, "one")
    acquire(path, "two", later(600))
    third = acquire(path, "three", later(1200))
    assert third.previous is not None
    assert (third.previous.run_id, third.previous.after) == ("two", ("one",))
    lock.renew(path, "three", later(1201))
    renewed = acquire(path, "three", later(1202)).lock
    assert renewed is not None
    assert renewed.after == ("two", "one")


def test_a_lock_that_was_taken_over_can_be_given_back_as_it_was(path: str) -> None:
    acquire(path, "one")
    second = acquire(path, "two", later(600))
    assert lock.release(path, "two", back_to=second.previous)
    assert lock.read(path) == second.previous
    assert acquire(path, "three", later(601)).previous == second.previous


def test_a_lock_whose_run_is_proven_dead_is_taken_over_at_once(path: str) -> None:
    first = acquire(path, "one")
    assert lock.acquire(path, "b", "host", "two", LEASE, later(1), gone="other").outcome is Outcome.HELD
    second = lock.acquire(path, "b", "host", "two", LEASE, later(1), gone="one")
    assert (second.outcome, second.previous) == (Outcome.TAKEN_OVER, first.lock)
    assert lock.read(path) == second.lock


def test_the_same_run_renews_and_keeps_its_start(path: str) -> None:
    acquire(path, "one")
    renewed = acquire(path, "one", later(500))
    assert renewed.outcome is Outcome.RENEWED
    assert renewed.lock is not None
    assert (renewed.lock.started, renewed.lock.expires) == (NOW, later(1100))
    assert not acquire(path, "two", later(700)).acquired


def test_a_late_renewal_counts_if_nobody_came_in_between(path: str) -> None:
    acquire(path, "one")
    assert acquire(path, "one", later(5000)).outcome is Outcome.RENEWED


def test_a_run_that_lost_its_lock_learns_it_on_renewal(path: str) -> None:
    acquire(path, "one")
    acquire(path, "two", later(700))
    assert acquire(path, "one", later(800)).outcome is Outcome.HELD
    lock.release(path, "two")
    assert acquire(path, "one", later(900)).outcome is Outcome.ACQUIRED


def test_only_its_own_run_releases_it(path: str) -> None:
    acquire(path, "one")
    assert not lock.release(path, "two")
    assert lock.read(path) is not None
    assert lock.release(path, "one")
    assert lock.read(path) is None
    assert not lock.release(path, "one")


def test_a_clock_moved_back_does_not_make_a_lock_eternal(path: str) -> None:
    acquire(path, "one")
    met = acquire(path, "two", later(-86_400))
    assert met.outcome is Outcome.HELD
    assert met.lock is not None
    assert met.lock.expires == later(-86_400 + LEASE)
    assert acquire(path, "two", later(-86_400 + LEASE - 1)).outcome is Outcome.HELD
    assert acquire(path, "two", later(-86_400 + LEASE)).outcome is Outcome.TAKEN_OVER


def test_the_lease_is_the_holders_not_that_of_the_run_that_asks(path: str) -> None:
    acquire(path, "one", lease=3600)
    assert acquire(path, "two", later(1800), lease=60).outcome is Outcome.HELD
    held = lock.read(path)
    assert held is not None
    assert held.expires == later(3600)


DAMAGED = {
    "empty": b"",
    "not JSON": b'{"owner": "al',
    "not UTF-8": b'{"owner": "\xff"}',
    "not an object": b"[]",
    "too deep": b"[" * 100_000,
    "without owner": b'{"host":"h"}',
    "with impossible values": b'{"owner":"a","host":"h","run_id":"","started":"2026-01-31T12:00:00Z",'
    b'"expires":"2026-01-31T12:00:00Z","lease_seconds":60}',
    "with an impossible time": b'{"owner":"a","host":"h","run_id":"r","started":"today",'
    b'"expires":"2026-01-31T12:00:00Z","lease_seconds":60}',
    "with an endless lease": b'{"owner":"a","host":"h","run_id":"r","started":"2026-01-31T12:00:00Z",'
    b'"expires":"9999-01-31T12:00:00Z","lease_seconds":99999999}',
}


@pytest.fixture(params=list(DAMAGED.values()), ids=list(DAMAGED))
def damaged(request: pytest.FixtureRequest, path: str) -> str:
    Path(path).write_bytes(request.param)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    return path


def test_a_damaged_file_is_held_until_it_is_one_lease_old(damaged: str) -> None:
    with pytest.raises(LockDamaged, match="is damaged: "):
        lock.read(damaged)
    met = acquire(damaged, "two", later(599))
    assert (met.outcome, met.lock) == (Outcome.HELD, None)
    assert met.explanation.startswith(f"{damaged} is damaged: ")
    assert met.explanation.endswith("; it can be taken over at 2026-01-31T12:10:00.000Z")
    taken = acquire(damaged, "two", later(600))
    assert (taken.outcome, taken.previous) == (Outcome.TAKEN_OVER, None)
    assert lock.read(damaged) == taken.lock


def test_a_damaged_file_from_the_future_is_not_eternal(damaged: str) -> None:
    assert acquire(damaged, "two", later(-86_400)).outcome is Outcome.HELD
    assert acquire(damaged, "two", later(-86_400 + LEASE)).outcome is Outcome.TAKEN_OVER


def test_a_damaged_file_is_nobodys_to_release(damaged: str) -> None:
    assert not lock.release(damaged, "r")
    assert Path(damaged).exists()


@settings(max_examples=60, deadline=None)
@given(
    started=st.integers(-(10**8), 10**8),
    expires=st.integers(-(10**8), 10**8),
    lease=st.integers(1, lock.MAX_LEASE_SECONDS),
    garbage=st.none() | st.binary(max_size=40),
    modified=st.integers(-(10**8), 10**8),
)
def test_no_file_outlasts_one_lease_once_somebody_asks(
    started: int, expires: int, lease: int, garbage: bytes | None, modified: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/lock.json"
        found = lock.Lock("a", "h", "dead", later(started), later(expires), lease)
        content = {
            **vars(found),
            "started": found.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "expires": found.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        Path(path).write_bytes(json.dumps(content).encode() if garbage is None else garbage)
        os.utime(path, (later(modified).timestamp(),) * 2)
        acquire(path, "two", NOW, lease=lease)
        assert acquire(path, "two", later(lease), lease=lease).acquired


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 90), st.booleans()), max_size=15))
def test_while_the_clock_runs_forward_nobody_gets_a_lock_within_anothers_lease(
    steps: list[tuple[str, int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/lock.json"
        holder, ends, at = "", 0, 0
        for run_id, passed, releases in steps:
            at += passed
            if releases:
                assert lock.release(path, run_id) == (holder == run_id)
                holder = "" if holder == run_id else holder
                continue
            acquired = acquire(path, run_id, later(at), lease=60).acquired
            assert acquired == (holder in ("", run_id) or at >= ends)
            if acquired:
                holder, ends = run_id, at + 60


def race(path: str, contenders: int) -> list[tuple[str, str]]:
    """Let processes try at once; return each one's run id and outcome."""
    barrier, answers = FORK.Barrier(contenders), FORK.Queue()

    def contend(run_id: str) -> None:
        barrier.wait(20)
        answers.put((run_id, acquire(path, run_id, later(600)).outcome.value))

    children = [FORK.Process(target=contend, args=(f"run-{number}",)) for number in range(contenders)]
    for child in children:
        child.start()
    outcomes = [answers.get(timeout=20) for _ in children]
    for child in children:
        child.join(20)
    return outcomes


@pytest.mark.parametrize("before", ["free", "expired", "damaged"])
def test_of_many_that_try_at_once_exactly_one_wins(tmp_path: Path, before: str) -> None:
    for number in range(8):
        path = str(tmp_path / f"{number}.json")
        if before == "expired":
            acquire(path, "dead")
        elif before == "damaged":
            Path(path).write_text("{")
            os.utime(path, (NOW.timestamp(), NOW.timestamp()))
        outcomes = race(path, 4)
        winners = [run_id for run_id, outcome in outcomes if outcome != "held"]
        held = lock.read(path)
        assert held is not None
        assert winners == [held.run_id]


def test_nobody_ever_sees_half_a_lock(path: str) -> None:
    stop = FORK.Event()

    def renew() -> None:
        count = 0
        while not stop.is_set():
            count += 1
            acquire(path, "one" * (1 + count % 50))
            lock.release(path, "one" * (1 + count % 50))

    child = FORK.Process(target=renew)
    child.start()
    try:
        for _ in range(2000):
            lock.read(path)
    finally:
        stop.set()
        child.join(20)
    assert child.exitcode == 0


def test_a_failing_disk_leaves_the_lock_as_it_was(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = acquire(path, "one")

    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        acquire(path, "two", later(600))
    monkeypatch.undo()
    assert lock.read(path) == first.lock
    assert {each.name for each in Path(path).parent.iterdir()} == {"lock.json", "lock.json.guard"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"owner": ""}, "owner must be a text that is not empty"),
        ({"host": None}, "host must be a text that is not empty"),
        ({"run_id": 7}, "run_id must be a text that is not empty"),
        ({"lease_seconds": 0}, "lease_seconds must be a number from 1 to 86400, not 0"),
        ({"lease_seconds": 86_401}, "lease_seconds must be"),
        ({"lease_seconds": True}, "lease_seconds must be"),
        ({"lease_seconds": 1.5}, "lease_seconds must be"),
        ({"now": NOW.replace(tzinfo=None)}, "has no time zone"),
        ({"owner": "\ud800"}, "UTF-8 cannot encode"),
    ],
)
def test_bad_input_is_refused_and_takes_nothing(path: str, changed: dict[str, Any], message: str) -> None:
    good = {"owner": "a", "host": "h", "run_id": "r", "lease_seconds": 60, "now": NOW}
    with pytest.raises(ValueError, match=message):
        lock.acquire(path, **{**good, **changed})
    assert lock.read(path) is None


def test_a_lock_that_is_held_still_is_renewed(path: str) -> None:
    acquire(path, "one")
    lock.renew(path, "one", later(500))
    held = lock.read(path)
    assert held is not None
    assert (held.started, held.expires) == (NOW, later(500 + LEASE))


def test_a_lock_that_another_run_has_taken_is_lost(path: str) -> None:
    acquire(path, "one")
    acquire(path, "two", later(LEASE))
    with pytest.raises(lock.LockLost, match=r"lost to another run .*: it is held by owner of two"):
        lock.renew(path, "one", later(LEASE))
    lock.release(path, "two")
    with pytest.raises(lock.LockLost, match="it is nobody's"):
        lock.renew(path, "one", later(LEASE))
