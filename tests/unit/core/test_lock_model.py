"""Of runs that take the lock, work, and die at any moment, one at most is at work, whatever the clock does."""

from __future__ import annotations

import contextlib
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils import lock, tenure
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

LEASES = (60, 300)
runs = st.sampled_from(("one", "two", "three"))


class Locks(RuleBasedStateMachine):
    """Three runs and one environment; a run that has died begins anew as another one of the same name."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = contextlib.ExitStack()
        patch = self._opened.enter_context(pytest.MonkeyPatch.context())
        self.home = Path(self._opened.enter_context(tempfile.TemporaryDirectory()))
        self.path = str(self.home / tenure.LOCK)
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.lives = dict.fromkeys(("one", "two", "three"), 0)
        self.gone: set[str] = set()
        self.at_work: dict[str, tenure.Tenure] = {}
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(tenure, "_now", lambda: self.now)
        patch.setattr(tenure, "WAIT_SECONDS", 0.0)
        patch.setattr(tenure, "POLL_SECONDS", 0.0)
        patch.setattr(tenure.Tenure, "_beat", lambda _: None)

    def _id(self, name: str) -> str:
        return f"{name}-{self.lives[name]}"

    def _take(self, run: str, lease: int, gone: str = "") -> lock.Attempt:
        before = lock.read(self.path)
        attempt = lock.acquire(self.path, "alice", "laptop", run, lease, self.now, gone)
        assert before is not None or attempt.outcome is lock.Outcome.ACQUIRED
        if before and before.run_id != run:
            ended = self.now >= before.expires or (gone == before.run_id and gone in self.gone)
            assert attempt.acquired == ended, "the lock was taken within another one's lease"
            assert not attempt.acquired or before.run_id in attempt.lock.after, "nobody knows of the run before"
        if not attempt.acquired:
            assert attempt.lock is not None
            longest = self.now + timedelta(seconds=attempt.lock.lease_seconds)
            assert attempt.lock.expires <= longest, "a lock outlasts its lease"
        return attempt

    @rule(name=runs, lease=st.sampled_from(LEASES), ask=st.booleans())
    def take(self, name: str, lease: int, ask: bool) -> None:
        """With ``ask`` the controller first proves the holder dead, where it is."""
        held = lock.read(self.path)
        gone = held.run_id if ask and held and held.run_id in self.gone else ""
        self._take(self._id(name), lease, gone)

    @rule(name=runs)
    def begin_a_step(self, name: str) -> None:
        run = self._id(name)
        if run in self.at_work:
            return
        held = lock.read(self.path)
        step = tenure.Tenure(self.home, run)
        try:
            step.__enter__()
        except lock.LockLost:
            assert held is None or held.run_id != run, "a run has lost a lock that is its own"
        except TimeoutError:
            assert self.at_work, "a run waits for nobody"
        else:
            assert held is not None
            assert held.run_id == run, "a run works without the lock"
            self.at_work[run] = step

    @rule(name=runs)
    def end_a_step(self, name: str) -> None:
        step = self.at_work.pop(self._id(name), None)
        if step:
            step.__exit__(None, None, None)

    @rule(name=runs)
    def die(self, name: str) -> None:
        """The kernel frees what the step held; the lock stays."""
        self.end_a_step(name)
        self.gone.add(self._id(name))
        self.lives[name] += 1

    @rule(name=runs)
    def release(self, name: str) -> None:
        run, held = self._id(name), lock.read(self.path)
        self.end_a_step(name)
        assert lock.release(self.path, run) == (held is not None and held.run_id == run)

    @rule(seconds=st.sampled_from((-86400, -100, 1, 59, 61, 301, 86400)))
    def clock(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def one_at_most_is_at_work(self) -> None:
        assert len(self.at_work) <= 1

    def teardown(self) -> None:
        """When all have died, a run that asks again after one lease gets the lock."""
        try:
            for name in self.lives:
                self.die(name)
            held = self._take("last", 60)
            if not held.acquired:
                assert held.lock is not None
                self.now += timedelta(seconds=held.lock.lease_seconds)
                assert self._take("last", 60).acquired
            with tenure.Tenure(self.home, "last"):
                pass
        finally:
            self._opened.close()


def test_one_run_at_most_is_at_work() -> None:
    run_state_machine_as_test(Locks, settings=settings(max_examples=100, stateful_step_count=25, deadline=None))
