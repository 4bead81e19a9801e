"""Going back hangs on no class of exception, the first cause is told, and after the ledger's entry nothing fails."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import front, ledger, soak, standby, way_back
from ansible_collections.slipway.core.plugins.module_utils.engine import EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Proxy, ProxyError
from ansible_collections.slipway.core.plugins.modules import canary_step, cut_over
from target_model import Target
from target_modules import TaskFailed
from target_runs import Run
from test_target_model import finish, fresh

TROUBLES = (
    EngineError("Docker does not answer"),
    ProxyError("HAProxy does not answer"),
    ValueError("this is no output of HAProxy's show stat"),
    subprocess.TimeoutExpired(["systemctl"], 10),
    KeyError("srv_uweight"),
    OSError(28, "No space left on device"),
    MemoryError(),
)


@pytest.fixture
def target() -> Iterator[Target]:
    """1.0.1 is live, and 1.0.2 may be."""
    with fresh() as made:
        made.registry.push("1.0.1")
        assert finish(Run(made, "staging")) == "done"
        made.registry.push("1.0.2")
        yield made


def raising(error: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def weights(target: Target) -> dict[str, int]:
    ((_, state),) = target.proxies.items()
    return dict(state["routes"].weights)


def moved_alone(run: Run, module: Any) -> None:
    """The run ends as if its controller had gone when this module fails, so that nobody repairs anything."""
    do = run._do

    def only(called: Any, **arguments: Any) -> dict[str, Any]:
        try:
            return do(called, **arguments)
        except Exception as failure:
            if called is module:
                raise SystemExit(str(failure)) from failure
            raise

    run._do = only  # type: ignore[method-assign]


@pytest.mark.parametrize("error", TROUBLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["watching", "writing", "counting"])
def test_a_cut_over_takes_the_traffic_back_whatever_goes_wrong(
    target: Target, monkeypatch: pytest.MonkeyPatch, error: Exception, where: str
) -> None:
    before = weights(target)
    if where == "watching":
        watch = type("Watch", (), {"__init__": lambda self, *_, **__: None, "run": raising(error)})
        monkeypatch.setattr(cut_over, "Watch", watch)
    elif where == "writing":
        monkeypatch.setattr(front.Front, "start_with", raising(error))
    else:
        monkeypatch.setattr(soak.Soak, "told", raising(error))
    run = Run(target, "staging")
    run.begin()
    moved_alone(run, cut_over)
    with pytest.raises(SystemExit) as end:
        run.play()
    assert way_back.told(error)[1:] in str(end.value)
    assert weights(target) == before


@pytest.mark.parametrize("error", TROUBLES, ids=lambda error: type(error).__name__)
def test_a_canary_step_takes_the_traffic_back_whatever_goes_wrong(
    target: Target, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    before = weights(target)
    monkeypatch.setattr(canary_step.Step, "watch", raising(error))
    run = Run(target, "staging", strategy="canary")
    run.begin()
    moved_alone(run, canary_step)
    with pytest.raises(SystemExit) as end:
        run.play()
    assert way_back.told(error)[1:] in str(end.value)
    assert weights(target) == before


def test_the_verdict_is_told_though_the_traffic_cannot_be_taken_back(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary_step.Step, "watch", lambda self: (False, "it fails more often", {"weight": 5}))
    monkeypatch.setattr(canary_step.Step, "back", raising(ProxyError("HAProxy does not answer")))
    run = Run(target, "staging", strategy="canary")
    run.begin()
    moved_alone(run, canary_step)
    with pytest.raises(
        SystemExit, match="it fails more often; besides, the traffic could not be put back: HAProxy does"
    ):
        run.play()


@pytest.mark.parametrize("error", TROUBLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("what", ["retire", "prune"])
def test_what_fails_after_the_entry_of_a_release_is_a_warning(
    target: Target, monkeypatch: pytest.MonkeyPatch, error: Exception, what: str
) -> None:
    target.warned = []
    if what == "retire":
        monkeypatch.setattr(standby, "leave", raising(error))
    else:
        monkeypatch.setattr("ansible_collections.slipway.core.plugins.module_utils.retention.prune", raising(error))
    run = Run(target, "staging")
    run.begin()
    assert run.play() == "done"
    assert target.entries("staging")[-1]["version"] == "1.0.2"
    assert len(target.warned) == 1
    assert target.warned[0].startswith("The release is live, and not everything could be tidied up: ")


@pytest.mark.parametrize("error", TROUBLES, ids=lambda error: type(error).__name__)
def test_what_fails_after_a_release_was_undone_is_a_warning(
    target: Target, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Who ran rollback.yml then, as a failure would say, would go back one release too far."""
    run = Run(target, "staging", other_host=True)
    undo, leave = run.undo, standby.leave

    def broken() -> None:
        target.warned = []
        monkeypatch.setattr(standby, "leave", raising(error))
        undo()
        monkeypatch.setattr(standby, "leave", leave)

    run.undo = broken  # type: ignore[method-assign]
    run.begin()
    run.play()
    assert target.entries("staging")[-1]["version"] == "1.0.1"
    assert weights(target) == {"blue": 100, "green": 0}
    assert not hasattr(run, "message")
    assert target.warned
    assert target.warned[0].startswith("1.0.1 serves again, and myapp-staging-green is left as it is: ")


def test_a_release_whose_recording_nobody_heard_of_is_gone_back_on(target: Target) -> None:
    run = Run(target, "staging")
    commit = run.commit

    def unheard(*arguments: Any) -> None:
        commit(*arguments)
        run.committed = {}
        raise TaskFailed(msg="the connection broke")

    run.commit = unheard  # type: ignore[method-assign]
    run.begin()
    with pytest.raises(TaskFailed):
        run.play()
    assert target.history("staging").live()["version"] == "1.0.2"
    assert run.undo()["recorded"]
    assert target.history("staging").live()["version"] == "1.0.1"
    assert weights(target) == {"blue": 100, "green": 0}


def test_an_undo_of_what_was_not_recorded_leaves_the_run_its_lock(target: Target) -> None:
    run = Run(target, "staging", trouble="public")
    undo_and_go_on = run.record_failure

    def record_failure() -> None:
        assert not run.undo()["recorded"]
        assert (target.home("staging") / "lock.json").exists()
        undo_and_go_on()

    run.record_failure = record_failure  # type: ignore[method-assign]
    run.begin()
    assert run.play() == "failed"
    assert [entry["event"] for entry in target.entries("staging")] == ["deployed", "failed"]


def test_an_undo_that_cannot_be_recorded_gives_the_traffic_back(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(target, "staging", other_host=True)
    undo = run.undo

    def broken() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "append", raising(OSError(28, "No space left on device")))
            undo()

    run.undo = broken  # type: ignore[method-assign]
    run.begin()
    run.play()
    assert "No space left on device" in run.message
    assert target.history("staging").live()["version"] == "1.0.2"
    assert weights(target) == {"blue": 0, "green": 100}


def test_an_entry_that_was_written_is_not_taken_for_missing(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    append = ledger.append

    def torn(*arguments: Any) -> Any:
        append(*arguments)
        raise OSError(5, "Input/output error")

    target.warned = []
    run = Run(target, "staging")
    commit = run.commit

    def record(*arguments: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "append", torn)
            commit(*arguments)

    run.commit = record  # type: ignore[method-assign]
    run.begin()
    assert run.play() == "done"
    assert any("an outage of the machine may undo" in text for text in target.warned)
    assert weights(target) == {"blue": 0, "green": 100}


@pytest.mark.parametrize("error", TROUBLES, ids=lambda error: type(error).__name__)
def test_a_canary_that_the_ledger_lets_wait_waits(
    target: Target, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    target.warned = []
    run = Run(target, "staging", strategy="canary", pause=True)
    wait = run.wait

    def broken() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(front, "route", raising(error))
            wait()

    run.wait = broken  # type: ignore[method-assign]
    run.begin()
    assert run.play() in ("done", "waits")
    assert target.entries("staging")[-1]["event"] == "paused"
    assert target.warned[0].startswith("The candidate waits without its traffic")


def test_both_causes_are_told_the_first_one_first() -> None:
    with (
        pytest.raises(
            way_back.NotBack, match=r"^Docker does not answer; besides, the traffic could not be put back: gone$"
        ),
        way_back.unless_it_stays(raising(RuntimeError("gone")), "the traffic"),
    ):
        raise EngineError("Docker does not answer.")


def test_what_ends_a_process_goes_back_too() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), way_back.unless_it_stays(lambda: done.append("back"), "the traffic"):
        raise KeyboardInterrupt
    assert done == ["back"]


@pytest.mark.parametrize("answer", ["", "# pxname,svname\napp,blue\n", "Unknown command"])
def test_an_answer_of_haproxy_that_is_none_is_haproxys_fault(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(Proxy, "ask", lambda self, command: answer)
    with pytest.raises(ProxyError):
        Proxy("/nowhere").counters()
    with pytest.raises(ProxyError):
        Proxy("/nowhere").sessions("blue")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
@pytest.mark.parametrize("strategy", ["blue_green", "recreate"])
def test_a_disk_that_takes_nothing_stops_no_way_back(strategy: str, number: int) -> None:
    """It is so once the traffic has moved: the lock is held still, though nothing can renew it."""
    with fresh() as target, pytest.MonkeyPatch.context() as patch:
        target.registry.push("1.0.1")
        assert finish(Run(target, "staging", strategy=strategy)) == "done"
        target.registry.push("1.0.2")
        moved: list[str] = []

        def refused(call: Any, changes: Callable[..., Any]) -> Any:
            def refusing(path: Any, *more: Any, **options: Any) -> Any:
                if moved and str(path).startswith(str(target.directory)) and changes(*more, **options):
                    raise OSError(number, os.strerror(number))
                return call(path, *more, **options)

            return refusing

        written = os.O_RDWR | os.O_WRONLY
        patch.setattr(ledger, "write_file", refused(ledger.write_file, lambda *_: True))
        patch.setattr(os, "open", refused(os.open, lambda flags, *_: number == errno.EROFS and flags & written))
        patch.setattr(os, "unlink", refused(os.unlink, lambda **_: number == errno.EROFS))
        run = Run(target, "staging", strategy=strategy)
        patch.setattr(run, "_ask_public", lambda: moved.append("it takes nothing from here on"))
        run.begin()
        with pytest.raises(TaskFailed, match=os.strerror(number)):
            run.play()
        (serves,) = target.reached("staging")
        assert (serves or {}).get("version") == "1.0.1"


@pytest.mark.parametrize("alone", [True, False], ids=["the controller has gone", "the controller is there"])
def test_a_front_that_dies_once_it_has_the_traffic_is_taken_back(
    target: Target, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """Nobody can tell a proxy that is dead to send the traffic back, so that the one before has to come again."""

    class Dies(cut_over.Watch):  # type: ignore[misc, name-defined]
        def run(self) -> dict[str, Any]:
            # Nothing serves until it is mended, which would be a break of what each step has to keep.
            monkeypatch.setattr(target, "check", lambda: None)
            (newest, *_) = target.fronts("staging")
            newest["State"].update(Status="restarting", Running=True)
            newest["accepts"] = False
            target.proxies.pop(target._key(newest))
            return {"healthy": False, "msg": "nobody answers", "probes": [], "url": "http://public", "body": ""}

    run = Run(target, "staging", front="two")
    run.begin()
    with monkeypatch.context() as patch:
        patch.setattr(cut_over, "Watch", Dies)
        if alone:
            moved_alone(run, cut_over)
            with pytest.raises(SystemExit, match="nobody answers"):
                run.play()
        else:
            assert run.play() == "failed"
            assert run.message == "nobody answers"
    monkeypatch.undo()
    target.check()
    (serves,) = target.reached("staging")
    assert (serves or {}).get("version") == "1.0.1"
    assert target.loaded("staging")


def test_the_container_of_a_failed_attempt_is_told_by_the_name_it_is_kept_under(target: Target) -> None:
    run = Run(target, "staging", trouble="public")
    close, told = run.close, []

    def closed(**options: Any) -> dict[str, Any]:
        answer = close(**options)
        told.extend(answer["retired"])
        return answer

    run.close = closed  # type: ignore[method-assign]
    run.begin()
    assert run.play() == "failed"
    (kept,) = [line.rpartition(" ")[2] for line in told if line.startswith("kept to look at")]
    assert kept in {container["Name"].lstrip("/") for container in target.containers}
    assert "-failed-" in kept
