"""With --check no run locks, writes or moves anything, whatever it would do and whatever one before it has left."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.modules import maintenance
from target_model import Target
from target_modules import call
from target_runs import APP, Run
from test_target_model import finish, fresh

WAITS = ("promote", "abort")


def all_there_is(target: Target) -> tuple[Any, ...]:
    files = {path: path.read_bytes() for path in target.directory.rglob("*") if path.is_file()}
    told = (target.containers, target.proxies, target.networks, target.images, target.tags)
    return files, copy.deepcopy(told)


def look(target: Target, run: Run) -> None:
    """What a verb does with --check on the target."""
    run.begin()
    run.take()
    if run.kind == "abort":
        run.abort()
    if run.kind == "maintenance":
        where = {"directory": str(target.directory), "app": APP, "environment": "staging"}
        assert call(target, maintenance, **where, state="on")["changed"]


def check(target: Target, kind: str, strategy: str) -> None:
    """A check, after which all is as it was."""
    before = all_there_is(target)
    target.check_mode = True
    # What a run would first put right is there still.
    look(target, Run(target, "staging", kind=kind, strategy=strategy, tampered=True))
    target.check_mode = False
    assert all_there_is(target) == before


@pytest.mark.parametrize("kind", ["deploy", "rollback", "maintenance", *WAITS])
def test_a_check_changes_nothing_also_where_a_run_was_killed_at_any_step(kind: str) -> None:
    strategy = "canary" if kind in WAITS else "blue_green"
    with fresh() as target:
        for version in ("1.0.1", "1.0.2"):
            target.registry.push(version)
            assert finish(Run(target, "staging")) == "done"
        if kind in WAITS:
            target.registry.push("1.0.3")
            assert finish(Run(target, "staging", strategy=strategy, pause=True)) == "done"
        check(target, kind, strategy)
        target.registry.push("1.0.4")
        began, steps = target.save(), 0
        killed = "promote" if kind in WAITS else "deploy"
        while finish(Run(target, "staging", kind=killed, strategy=strategy), steps) == "killed":
            if kind not in WAITS or target.history("staging").paused():
                check(target, kind, strategy)
            target.bring_back(began)
            steps += 1
        assert steps > 5
