"""A tenure ends whole: nothing that watches the lock outlives it, and it alone gives the lock back, after that."""

from __future__ import annotations

import ast
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import ledger, lock, recording, tenure
from target_model import Target
from target_modules import beneath
from target_runs import Run
from test_tenure import DEADLINE, home, launch, now, take_over, wait_for  # noqa: F401

PLUGINS = Path(__file__).resolve().parents[3] / "ansible/plugins"
TAKEN_OVER_MEANWHILE = """
import sys, time
from pathlib import Path
from ansible_collections.slipway.core.plugins.module_utils import tenure
home = Path(sys.argv[1])
with tenure.Tenure(home, sys.argv[2]) as held:
    with held.whole():
        Path(home, "begun").touch()
        while not Path(home, "finish").exists():
            time.sleep(0.01)
        Path(home, "ended").touch()
        held.has_done({"changed": True, "entry": {"seq": 7}})
    time.sleep(3600)
"""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """With what the process would have been ended; it beats as fast as it can."""
    ended: list[dict[str, Any]] = []
    monkeypatch.setattr(tenure, "BEAT_SECONDS", 0.001)
    monkeypatch.setattr(tenure, "_end", lambda answer, code: ended.append(answer))
    return ended


def beating() -> bool:
    return any(thread.name == "tenure" for thread in threading.enumerate())


def slow_until_noticed(ends: list[dict[str, Any]]) -> Callable[[str], None]:
    """A directory that reaches the disk only when a watchdog has noticed what happened there, if there is one still."""

    def sync(folder: str) -> None:
        if Path(folder, "work").exists() and not Path(folder, "lock.json").exists():
            wait_for(lambda: ends or not beating())

    return sync


def raising(error: Exception) -> Callable[..., Any]:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    return broken


def test_a_slow_release_is_not_taken_for_a_loss(home, ends, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(ledger, "sync_directory", slow_until_noticed(ends))
    held = tenure.Tenure(home, "run-1", give_back=tenure.GiveBack(pytest.fail))
    with held:
        assert beating()
    assert held.given_back
    assert not (home / "lock.json").exists()
    assert ends == []


def test_the_close_step_outlives_its_release_of_the_lock(tmp_path, ends, monkeypatch) -> None:
    target = Target(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        beneath(target, patch)
        patch.setattr(tenure, "BEAT_SECONDS", 0.001)
        patch.setattr(ledger, "sync_directory", slow_until_noticed(ends))
        for version, run in {"1.0.1": Run(target, "staging"), "1.0.2": Run(target, "staging", other_host=True)}.items():
            target.registry.push(version)
            run.begin()
            run.play()
    assert [entry["version"] for entry in target.entries("staging")] == ["1.0.1", "1.0.2", "1.0.1"]
    assert ends == []


def test_a_beat_that_finds_a_loss_while_the_step_ends_leaves_it_alone(home, ends, monkeypatch) -> None:  # noqa: F811
    reads = threading.Event()
    held = tenure.Tenure(home, "run-1")

    def lost(*_: Any) -> int:
        reads.set()
        held._left.wait(DEADLINE)
        raise lock.LockLost("it is another's")

    monkeypatch.setattr(lock, "lease", lost)
    with held:
        assert reads.wait(DEADLINE)
    assert not beating()
    assert ends == []


@pytest.mark.parametrize("failed", [False, True])
def test_what_fails_when_the_lock_is_given_back_is_a_warning(home, monkeypatch, failed) -> None:  # noqa: F811
    warned: list[str] = []
    monkeypatch.setattr(lock, "release", raising(OSError(5, "Input/output error")))

    def step() -> None:
        with tenure.Tenure(home, "run-1", give_back=tenure.GiveBack(warned.append)):
            if failed:
                raise ValueError("the first cause")

    if failed:
        with pytest.raises(ValueError, match="the first cause"):
            step()
    else:
        step()
    assert warned == ["The lock could not be given back, and ends with its lease: [Errno 5] Input/output error."]


def test_a_step_that_cannot_begin_gives_the_lock_back(home, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(tenure, "WAIT_SECONDS", 0.1)
    before = lock.read(str(home / "lock.json"))
    take_over(home)
    give_back = tenure.GiveBack(pytest.fail, when="failed", to=before)
    at_work = os.open(home / "work", os.O_RDWR | os.O_CREAT)
    try:
        tenure._take(at_work, home)
        with pytest.raises(TimeoutError, match="at work here"), tenure.Tenure(home, "run-2", give_back=give_back):
            pytest.fail("it has begun")
    finally:
        os.close(at_work)
    assert lock.read(str(home / "lock.json")).run_id == "run-1"
    assert not beating()


def test_a_step_that_goes_on_with_the_lock_keeps_it(home) -> None:  # noqa: F811
    with tenure.Tenure(home, "run-1", give_back=tenure.GiveBack(pytest.fail, when="failed")):
        pass
    assert lock.read(str(home / "lock.json")).run_id == "run-1"


def test_a_step_that_failed_and_has_to_be_gone_back_on_keeps_the_lock(home) -> None:  # noqa: F811
    give_back = tenure.GiveBack(pytest.fail, when="done")
    with pytest.raises(ValueError, match="cause"), tenure.Tenure(home, "run-1", give_back=give_back):
        raise ValueError("cause")
    assert lock.read(str(home / "lock.json")).run_id == "run-1"
    with tenure.Tenure(home, "run-1", give_back=give_back):
        pass
    assert not (home / "lock.json").exists()


@pytest.mark.parametrize("strategy", ["blue_green", "recreate"])
def test_a_release_that_cannot_be_recorded_is_gone_back_on_with_the_lock(tmp_path, monkeypatch, strategy) -> None:
    target = Target(tmp_path)
    beneath(target, monkeypatch)
    for version in ("1.0.1", "1.0.2"):
        target.registry.push(version)
    first = Run(target, "staging", version="1.0.1", strategy=strategy)
    first.begin()
    assert first.play() == "done"
    real, full = recording.record, [OSError(28, "No space left on device")]

    def record(*arguments: Any) -> dict[str, Any]:
        if full:
            raise full.pop()
        return real(*arguments)

    monkeypatch.setattr(recording, "record", record)
    second = Run(target, "staging", version="1.0.2", strategy=strategy)
    second.begin()
    assert second.play() == "failed"
    assert "No space left" in second.message
    assert [entry["event"] for entry in target.entries("staging")] == ["deployed", "failed"]
    target.settled("staging")
    assert not (Path(second.open["home"]) / "lock.json").exists()


def test_one_vm_under_two_names_of_one_environment_is_refused(tmp_path, monkeypatch) -> None:
    """Their run is one, so that the lock of the first would be that of the second too."""
    target = Target(tmp_path)
    beneath(target, monkeypatch)
    target.registry.push("1.0.1")
    first = Run(target, "staging", version="1.0.1")
    first.begin()
    first.take()
    second = Run(target, "staging", version="1.0.1")
    second.id = first.id
    assert not second.take_or_refuse()
    assert "under another name of this host: the inventory has one VM twice in staging" in second.message
    assert (Path(first.open["home"]) / "lock.json").exists()


def test_a_step_that_has_recorded_what_it_did_loses_the_lock_and_has_not_failed(home) -> None:  # noqa: F811
    step = launch(home, "run-1", program=TAKEN_OVER_MEANWHILE)
    wait_for((home / "begun").exists)
    take_over(home)
    ends = time.monotonic() + 3 * tenure.BEAT_SECONDS
    wait_for(lambda: time.monotonic() > ends)
    assert step.poll() is None
    (home / "finish").touch()
    output, _ = step.communicate(timeout=DEADLINE)
    assert step.returncode == 0
    answer = json.loads(output)
    assert (answer["changed"], answer["entry"], "failed" in answer) == (True, {"seq": 7}, False)
    assert "What was to be done is done" in answer["warnings"][0]
    assert "held by bob on host (run run-2)" in answer["warnings"][0]


def test_nobody_but_the_tenure_gives_a_lock_back() -> None:
    callers = []
    for path in PLUGINS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("lock.release"):
                callers.append(path.name)
    assert callers == ["tenure.py"]


@pytest.mark.parametrize("module", ["environment_close", "environment_undo", "canary_pause", "ledger_entry"])
def test_what_writes_into_the_ledger_under_the_lock_is_not_cut_short_between_the_entry_and_its_answer(module) -> None:
    """In the same block, or a run that loses the lock would report as failed what the ledger calls done."""
    tree = ast.parse((PLUGINS / f"modules/{module}.py").read_text(encoding="utf-8"))
    blocks = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.With)]
    whole = [text for text in blocks if ".whole()" in text.partition("\n")[0]]
    assert whole
    assert all("recording.record(" in text and ".has_done(" in text for text in whole)
