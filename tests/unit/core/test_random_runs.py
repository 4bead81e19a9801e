"""Runs in random order, each to its end or killed anywhere: the invariants hold all the time.

The steps are those of the real modules, as in test_target_model.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import lock
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from target_gates import approve
from target_model import BROKEN, ENVIRONMENTS
from target_modules import TaskFailed
from target_runs import KEEP, LEASE, TROUBLES, Run
from test_target_model import finish, fresh, may_refuse


class Runs(RuleBasedStateMachine):
    """Runs one after the other for both environments, each to its end or killed, whatever the clock and tags do."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = contextlib.ExitStack()
        self.target = self._opened.enter_context(fresh())
        self.proxied: set[str] = set()
        # The front of the canary that waits, which comes with its promotion, whatever that one asks for.
        self.waiting: dict[str, str] = {}
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
        front = self.waiting.get(env, run.front) if run.kind == "promote" else run.front
        if run.kind == "deploy" and run.pause and target.history(env).paused():
            self.waiting[env] = run.front
        if outcome == "failed" and not run.trouble and front != BROKEN:
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
