"""Any prefix of any run's steps may be the last: the invariants hold in every state, and one run reconciles it.

The steps are those of the real modules, in the order of the role ``deploy``, on a target in memory.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import environment, labels, reconcile, snapshot
from ansible_collections.slipway.core.plugins.module_utils.history import NoRollback
from target_engine import Engine
from target_model import APP, BROKEN, Killed, Target
from target_modules import TaskFailed, beneath
from target_runs import Run

Options = dict[str, Any]


def finish(run: Run, left: int | None = None) -> str:
    """Let a run go to its end, or be killed before step ``left``; returns what became of it."""
    target, env = run.target, run.env
    run.begin(left)
    try:
        outcome: str = run.play()
    except Killed:
        target.died(env, run.id)
        return "killed"
    if outcome != "refused":
        target.dead_runs.pop(env, None)
        target.settled(env)
    return outcome


def killed_while_taking(run: Run, left: int) -> bool:
    """Whether a run was killed before step ``left`` while it took the lock and reconciled."""
    run.begin(left)
    try:
        run.take_or_refuse()
    except Killed:
        run.target.died(run.env, run.id)
        return True
    return False


def may_refuse(run: Run) -> bool:
    """Whether a run is refused for what its person asked for, and not for what another one left."""
    history = run.target.history(run.env)
    waits = history.paused() is not None
    if run.kind in ("promote", "abort") or (waits and run.kind in ("deploy", "rollback")):
        return waits == (run.kind in ("deploy", "rollback"))
    if run.kind != "rollback":
        return False
    try:
        history.rollback_target(run.version or None, snapshot.kept(str(run.target.home(run.env))))
    except NoRollback:
        return True
    return False


@contextlib.contextmanager
def fresh() -> Iterator[Target]:
    """An empty target beneath the modules, its files in memory where there is a folder for that."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as directory, pytest.MonkeyPatch.context() as patch:
        made = Target(Path(directory))
        beneath(made, patch)
        yield made


@pytest.fixture
def target() -> Iterator[Target]:
    with fresh() as made:
        yield made


def staging(**options: Any) -> Callable[[Target], str]:
    return lambda target: finish(Run(target, "staging", **options))


def push(version: str) -> Callable[[Target], str]:
    return lambda target: target.registry.push(version)


def change(slot: str) -> Callable[[Target], None]:
    """Somebody changes the limits of the container in a slot of staging."""

    def changed(target: Target) -> None:
        (container,) = [it for it in target.described("staging") if it["slot"] == slot]
        details = next(it for it in target.containers if it["Id"] == container["id"])
        details["HostConfig"]["PidsLimit"] = 1

    return changed


def forget_fronts(target: Target) -> None:
    target.forget_fronts("staging")


def made_only(target: Target) -> None:
    """A run was killed when it had made another proxy, before it started it."""
    run = Run(target, "staging", strategy="canary", kind="promote")
    made = 0
    while not any(it.startswith("proxy_apply: create") for it in target.trace):
        assert finish(run, made) == "killed"
        made += 1


FIRST = (push("1.0.1"), staging())
SECOND = (*FIRST, push("1.0.2"), staging())
OLD = (push("1.0.1"), staging(strategy="recreate"))
FIRST_WAITING = (*FIRST[:1], staging(strategy="canary", pause=True))
WAITING = (*FIRST, push("1.0.2"), staging(strategy="canary", pause=True))
H2_WAITING = (*WAITING[:3], staging(strategy="canary", protocol="h2", pause=True))
WARM_WAITING = (*SECOND, staging(version="1.0.1", strategy="canary", pause=True))
SCENARIOS: dict[str, tuple[tuple[Callable[[Target], Any], ...], Options]] = {
    "a first deployment": (FIRST[:1], {}),
    "a first deployment that fails": (FIRST[:1], {"trouble": "public"}),
    "a first deployment without a proxy": (FIRST[:1], {"strategy": "recreate"}),
    "a first canary that waits": (FIRST[:1], {"strategy": "canary", "pause": True}),
    "blue_green": ((*SECOND, push("1.0.3")), {}),
    "blue_green that fails": ((*SECOND, push("1.0.3")), {"trouble": "cut_over"}),
    "blue_green undone": ((*FIRST, push("1.0.2")), {"other_host": True, "warm_standby": 0}),
    "blue_green undone while its standby is warm": ((*FIRST, push("1.0.2")), {"other_host": True}),
    "another protocol": ((*SECOND, push("1.0.3")), {"protocol": "h2"}),
    "another protocol that fails": ((*SECOND, push("1.0.3")), {"protocol": "h2", "trouble": "cut_over"}),
    "a canary of another protocol that waits": (WAITING[:3], {"strategy": "canary", "protocol": "h2", "pause": True}),
    "the promotion of a canary of another protocol": (H2_WAITING, {"strategy": "canary", "kind": "promote"}),
    "another protocol and setting of the proxy": ((*FIRST, push("1.0.2")), {"protocol": "h2", "setting": "2"}),
    "a rollback to another protocol": ((*FIRST, push("1.0.2"), staging(protocol="h2")), {"kind": "rollback"}),
    "the move from recreate to another protocol": ((*OLD, push("1.0.2")), {"protocol": "h2"}),
    "another setting of the proxy": ((*FIRST, push("1.0.2")), {"setting": "2"}),
    "another setting of the proxy alone": (FIRST, {"setting": "2"}),
    "a first deployment whose proxy does not come up": (FIRST[:1], {"front": BROKEN}),
    "another proxy that does not come up": ((*FIRST, push("1.0.2")), {"front": BROKEN}),
    "the move from recreate to a proxy that does not come up": ((*OLD, push("1.0.2")), {"front": BROKEN}),
    "back to the proxy before": ((*FIRST, push("1.0.2"), staging(front="two"), push("1.0.3")), {}),
    "a release and another proxy that fail": (
        (*FIRST, push("1.0.2")),
        {"front": "two", "setting": "2", "trouble": "public"},
    ),
    "a renewed certificate alone": ((*FIRST[:1], staging(certificate="old")), {"certificate": "new"}),
    "a release and a certificate that fail": (
        (*FIRST[:1], staging(certificate="old"), push("1.0.2")),
        {"certificate": "new", "setting": "2", "trouble": "public"},
    ),
    "a release and a front that fail after an earlier version": (
        (*FIRST[:1], staging(certificate="old"), forget_fronts, push("1.0.2")),
        {"setting": "2", "front": "two", "trouble": "public"},
    ),
    "a release and a front after an earlier version": (
        (*FIRST, forget_fronts, push("1.0.2")),
        {"setting": "2", "front": "two", "other_host": True},
    ),
    "a rollback to what an earlier version deployed": ((*SECOND, forget_fronts), {"kind": "rollback"}),
    "a rollback to another front": (
        (*FIRST[:1], staging(certificate="old"), push("1.0.2"), staging(setting="2", front="two")),
        {"kind": "rollback", "setting": "3", "certificate": "new"},
    ),
    "another proxy": ((*FIRST, push("1.0.2")), {"front": "two"}),
    "canary": ((*SECOND, push("1.0.3")), {"strategy": "canary"}),
    "canary that is bad": ((*SECOND, push("1.0.3")), {"strategy": "canary", "trouble": "canary"}),
    "canary that waits": ((*FIRST, push("1.0.2")), {"strategy": "canary", "pause": True}),
    "promotion of a first canary": (FIRST_WAITING, {"strategy": "canary", "kind": "promote"}),
    "end of a first canary": (FIRST_WAITING, {"strategy": "canary", "kind": "abort"}),
    "promotion of a canary": (WAITING, {"strategy": "canary", "kind": "promote"}),
    "promotion of a canary that somebody has changed": (
        (*WAITING, change("green")),
        {"strategy": "canary", "kind": "promote"},
    ),
    "end of a canary": (WAITING, {"strategy": "canary", "kind": "abort"}),
    "end of a canary after a new proxy was made and not started": (
        (*FIRST, push("1.0.2"), staging(strategy="canary", pause=True, front="two"), made_only),
        {"strategy": "canary", "kind": "abort"},
    ),
    "canary that waits in the standby's container": (
        SECOND,
        {"version": "1.0.1", "strategy": "canary", "pause": True},
    ),
    "promotion of a canary in the standby's container": (WARM_WAITING, {"strategy": "canary", "kind": "promote"}),
    "end of a canary in the standby's container": (WARM_WAITING, {"strategy": "canary", "kind": "abort"}),
    "recreate": ((*OLD, push("1.0.2")), {"strategy": "recreate"}),
    "recreate that fails": ((*OLD, push("1.0.2")), {"strategy": "recreate", "trouble": "public"}),
    "the move from recreate": ((*OLD, push("1.0.2")), {}),
    "the move from recreate that fails": ((*OLD, push("1.0.2")), {"trouble": "public"}),
    "another proxy while the live release still holds the port": (
        (*OLD, staging(trouble="candidate")),
        {"kind": "rollback", "version": "1.0.1", "front": "two"},
    ),
    "a rollback to a warm standby": (SECOND, {"kind": "rollback"}),
    "a rollback to a stopped standby": ((*SECOND, staging(warm_standby=0)), {"kind": "rollback", "config": "b"}),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_step_may_be_the_last_and_so_may_every_step_of_what_comes_after(name: str, target: Target) -> None:
    before, options = SCENARIOS[name]
    for action in before:
        action(target)
    start, whole = target.save(), Run(target, "staging", **options)
    outcome = finish(whole)
    fails = "trouble" in options or whole.front == BROKEN
    assert outcome == ("failed" if fails else "done"), whole.message
    seen: list[Any] = []
    for left in range(len(target.trace)):
        for restarted in (False, True):
            target.bring_back(start)
            assert finish(Run(target, "staging", **options), left) == "killed"
            if restarted:
                target.restart()
            if target.looks() in seen:
                continue
            seen.append(target.looks())
            killed = target.save()
            once_more = Run(target, "staging", **options)
            assert finish(once_more) in (outcome, "done") or may_refuse(once_more), once_more.message
            for again in range(len(target.trace)):
                target.bring_back(killed)
                if not killed_while_taking(Run(target, "staging", **options), again):
                    break
                after = Run(target, "staging", **options)
                after.begin()
                after.take_or_refuse()
                assert after.open or may_refuse(after), after.message


def test_who_has_removed_the_proxy_to_deploy_without_one_does_not_get_it_back(target: Target) -> None:
    for action in FIRST:
        action(target)
    target.containers = [it for it in target.containers if it["Config"]["Labels"].get(labels.SLOT) != labels.FRONT]
    home, past = target.home("staging"), target.history("staging")
    for proxied in (True, False):
        params = {"app": APP, "environment": "staging", "proxied": proxied}
        found = environment.find(Engine(target), params, home, past)  # type: ignore[arg-type]
        assert [step.verb for step in reconcile.steps(found)] == (["front", "route"] if proxied else [])


class DiesAtItsCutOver(Run):
    """Its controller is gone before it hears that the cut-over has failed."""

    def _move(self, to: str, verify: bool = True) -> None:
        try:
            super()._move(to, verify)
        except TaskFailed:
            raise Killed("the controller") from None


@pytest.mark.parametrize("front", ["one", "two"])
def test_the_front_goes_back_on_the_machine_itself_where_the_cut_over_fails(target: Target, front: str) -> None:
    for action in (*FIRST, push("1.0.2")):
        action(target)
    run = DiesAtItsCutOver(target, "staging", front=front, setting="2", trouble="cut_over")
    assert finish(run) == "killed"
    found = target.found("staging")
    target.front_is_what_the_ledger_says("staging", reconcile.live_container(found.ours, found.live))


@pytest.mark.parametrize("standby", [600, 0])
def test_a_rollback_finds_what_it_needs_here_after_all_variables_have_changed(target: Target, standby: int) -> None:
    for action in (*SECOND, staging(warm_standby=standby)):
        action(target)
    before = target.entries("staging")
    today = {"image": "registry.example/moved/myapp", "strategy": "recreate", "front": "two", "setting": "2"}
    run = Run(target, "staging", kind="rollback", **today)
    assert finish(run) == "done", run.message
    assert not [step for step in target.trace if "pull" in step]
    after = target.history("staging").live()
    assert after is not None
    names = ("digest", "config", "front", "certificate", "image")
    assert [after[name] for name in names] == [before[0][name] for name in names]
    assert run.strategy == "blue_green"


def test_a_run_that_is_refused_does_not_make_the_next_one_forget_what_was_left(target: Target) -> None:
    target.registry.push("1.0.1")
    assert finish(Run(target, "staging")) == "done"
    whole = len(target.trace)
    for left in range(whole):
        with fresh() as other:
            other.registry.push("1.0.1")
            assert finish(Run(other, "staging"), left) == "killed"
            finish(Run(other, "staging", kind="rollback"))
            last = Run(other, "staging")
            assert finish(last) == "done", last.message
