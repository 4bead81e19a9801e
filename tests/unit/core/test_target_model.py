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
from ansible_collections.slipway.core.plugins.module_utils import environment, labels, lock, reconcile, snapshot
from ansible_collections.slipway.core.plugins.module_utils.history import NoRollback
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from target_engine import Engine
from target_gates import approve
from target_model import APP, BROKEN, ENVIRONMENTS, Killed, Target
from target_modules import TaskFailed, beneath
from target_runs import KEEP, LEASE, TROUBLES, Run

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


class Runs(RuleBasedStateMachine):
    """Runs one after the other for both environments, each to its end or killed, whatever the clock and tags do."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = contextlib.ExitStack()
        self.target = self._opened.enter_context(fresh())
        self.proxied: set[str] = set()
        self.fronts = 0

    @initialize(without_proxy=st.booleans())
    def begin(self, without_proxy: bool) -> None:
        self.target.registry.push("1.0.1")
        self.go("staging", strategy="recreate" if without_proxy else "blue_green", front="proxy-0")

    def go(self, env: str, left: int | None = None, **options: Any) -> str:
        target = self.target
        run = Run(target, env, **options)
        if run.proxied:
            self.proxied.add(env)
        waits, alone = may_refuse(run), env not in target.dead_runs
        before = target.history(env).live()
        outcome = finish(run, left)
        if outcome == "refused":
            assert waits, run.message
        if outcome == "failed" and not run.trouble and run.front != BROKEN:
            assert run.phase in ("resolve", "preflight"), run.message
        if outcome in ("failed", "refused") and alone:
            assert target.history(env).live() == before, "a failure changed what is live"
        if outcome == "done" and run.kind in ("deploy", "rollback", "promote") and not run.pause:
            live = target.history(env).live()
            undone = run.other_host and live and live["run"] == f"{run.id}-undo"
            assert undone or (live and live["digest"] == run.release["digest"]), "another release is live"
        return outcome

    @rule()
    def build(self) -> None:
        self.target.registry.push(f"1.0.{len(self.target.registry.labelled) + 1}")

    @rule(data=st.data(), again=st.booleans())
    def move_a_tag(self, data: st.DataObject, again: bool) -> None:
        """To another image that is there, or to a new one of the same version."""
        registry = self.target.registry
        version = data.draw(st.sampled_from(sorted(registry.pointing)))
        if again:
            registry.push(version)
        else:
            registry.pointing[version] = data.draw(st.sampled_from(sorted(registry.labelled)))

    @rule(
        hours=st.sampled_from([0.0, 1.0, 48.0]),
        strategy=st.sampled_from(("blue_green", "recreate")),
        config=st.sampled_from("aabc"),
    )
    def consent(self, hours: float, strategy: str, config: str, **front: Any) -> None:
        asked = Run(self.target, "production", strategy=strategy, config=config, **front)
        with contextlib.suppress(TaskFailed):
            approve(self.target, "", hours, asked._configuration(), asked._front() if asked.proxied else {})

    @rule(seconds=st.sampled_from([-86400, -600, 100, 700, 86400]))
    def clock(self, seconds: int) -> None:
        self.target.pass_time(seconds)

    @rule(sessions=st.integers(0, 1))
    def requests(self, sessions: int) -> None:
        self.target.sessions = sessions

    @rule()
    def somebody_runs_docker_image_prune(self) -> None:
        self.target.prune_untagged()

    @rule()
    def restart(self) -> None:
        self.target.restart()

    @rule(env=st.sampled_from(ENVIRONMENTS))
    def another_tries_before_the_lease_ends(self, env: str) -> None:
        target = self.target
        dead = target.dead_runs.pop(env, "")
        if not dead:
            return
        run = Run(target, env, front=f"proxy-{self.fronts}")
        run.begin()
        held = lock.read(str(target.home(env) / "lock.json"))
        if held and target.now < held.expires:
            assert not run.take_or_refuse()
            assert not target.trace, "a run that is refused has changed something"
            target.pass_time(LEASE + 1)
        assert finish(run) != "refused" or may_refuse(run), run.message

    @rule(
        env=st.sampled_from(ENVIRONMENTS),
        strategy=st.sampled_from(("blue_green", "canary", "recreate")),
        config=st.sampled_from("aabc"),
        trouble=st.just("") | st.sampled_from(TROUBLES),
        pause=st.booleans(),
        proxy=st.sampled_from(("same", "same", "next", "back", "broken")),
        setting=st.sampled_from("112"),
        certificate=st.sampled_from(("", "old", "new")),
        warm_standby=st.sampled_from((0, 600)),
        other_host=st.sampled_from((False, False, True)),
        left=st.none() | st.integers(0, 35),
        data=st.data(),
    )
    def deploy(self, env: str, strategy: str, proxy: str, data: st.DataObject, **options: Any) -> None:
        registry, waits = self.target.registry, self.target.history(env).paused()
        kind = data.draw(st.sampled_from(("promote", "abort", "deploy") if waits else ("deploy", "deploy", "rollback")))
        version = data.draw(st.sampled_from(["", "", *sorted(registry.pointing)]))
        if kind == "deploy" and not version and env == "staging" and data.draw(st.booleans()):
            self.build()
        self.fronts = max(self.fronts + {"next": 1, "back": -1}.get(proxy, 0), 0)
        strategy = "blue_green" if env in self.proxied and strategy == "recreate" else strategy
        front = BROKEN if proxy == "broken" else f"proxy-{self.fronts}"
        if kind == "deploy" and env == "production":
            shown = {name: options[name] for name in ("setting", "certificate")}
            self.consent(1.0, strategy, str(options["config"]), front=front, **shown)
        self.go(
            env,
            kind=kind,
            version=version,
            strategy=strategy,
            front=front,
            meanwhile=(lambda: registry.push(version)) if version else str,
            **options,
        )

    @invariant()
    def what_rollbacks_need_is_there(self) -> None:
        for env in ENVIRONMENTS:
            self.target.retained(env, KEEP[env])

    def teardown(self) -> None:
        try:
            for env in ENVIRONMENTS:
                run = Run(self.target, env, trouble="preflight", front=f"proxy-{self.fronts}")
                outcome = finish(run)
                assert outcome != "refused" or may_refuse(run), run.message
        finally:
            self._opened.close()


def test_runs_in_any_order_keep_the_invariants() -> None:
    run_state_machine_as_test(
        Runs,
        settings=settings(
            max_examples=40,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
