"""What an interrupted run left is undone so that the ledger's live release serves and gets the traffic."""

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.slipway.core.plugins.module_utils import reconcile
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Routes, all_to
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LIVE = {"run": "run-1", "version": "1.0.1", "time": "2026-01-01T00:00:00.000Z"}


def container(name, run, slot="public", running=True):
    policy = "unless-stopped"
    told = {"name": name, "run": run, "slot": slot, "running": running, "restart_policy": policy, "proxy": name}
    return {**told, "protocol": "http1"}


def found(*ours, fronts=(), routes=None, live=LIVE, paused=None, verified=("run-1",), next_slot=None, failed=()):
    return reconcile.Found(ours, fronts, routes, live, paused, frozenset(verified), next_slot, frozenset(failed))


def told(state):
    return [step.told for step in reconcile.steps(state)]


BLUE = container("blue", "run-1", "blue")
PROXY = container("proxy", "", "proxy")


def test_nothing_left_over_is_left_alone():
    assert told(found(container("live", "run-1"))) == []
    assert told(found(BLUE, fronts=[PROXY], routes=Routes(all_to("blue")))) == []


def test_an_orphaned_candidate_is_removed_and_the_live_container_stays():
    assert told(found(container("candidate", "run-2", "candidate"), container("live", "run-1"))) == [
        "removed candidate"
    ]


def test_the_container_of_a_failed_attempt_is_kept_stopped():
    bad = container("green", "run-2", "green")
    assert told(found(BLUE, bad, failed=["run-2"])) == ["kept to look at, stopped: green"]
    aside = container("app-staging-failed-run-2", "run-2", "failed", running=False)
    assert told(found(BLUE, aside, failed=["run-2"])) == []
    assert told(found(BLUE, aside)) == ["removed app-staging-failed-run-2"]


def test_one_container_of_a_failed_attempt_is_kept_and_that_is_the_one_for_the_public_port():
    made = [container("candidate", "run-2", "candidate"), container("public", "run-2")]
    assert told(found(BLUE, *made, failed=["run-2"])) == ["removed candidate", "kept to look at, stopped: public"]


def test_an_unproven_container_on_the_port_makes_way_before_the_live_one_is_started_again():
    state = found(container("live", "run-1", running=False), container("new", "run-2"))
    assert told(state) == ["removed new", "started live"]


def test_a_first_deployment_that_was_interrupted_leaves_nothing():
    assert told(found(container("new", "run-1"), live=None, verified=())) == ["removed new"]


def test_traffic_that_had_been_moved_comes_back_before_the_candidate_is_removed():
    green = container("green", "run-2", "green")
    state = found(BLUE, green, fronts=[PROXY], routes=Routes(all_to("green")))
    assert told(state) == ["traffic goes to blue 100 %", "removed green"]


def test_a_proxy_that_would_start_with_another_slot_is_told_before_that_slot_is_removed():
    green = container("green", "run-2", "green")
    state = found(BLUE, green, fronts=[PROXY], routes=Routes(all_to("blue")), next_slot="green")
    assert told(state) == ["traffic goes to blue 100 %", "removed green"]
    assert told(found(BLUE, fronts=[PROXY], routes=Routes(all_to("blue")), next_slot="blue")) == []


def test_a_slot_with_which_the_wrong_protocol_is_spoken_is_told():
    routes = Routes(all_to("blue"), protocols={"blue": "h2", "green": "h2"})
    assert told(found(BLUE, fronts=[PROXY], routes=routes)) == ["traffic goes to blue 100 %"]
    (step,) = reconcile.steps(found(BLUE, fronts=[PROXY], routes=routes))
    assert step.routes.protocols == {"blue": "http1"}


def test_a_share_of_a_canary_that_was_interrupted_is_taken_back():
    green = container("green", "run-2", "green")
    state = found(BLUE, green, fronts=[PROXY], routes=Routes({"blue": 75, "green": 25}, "green"))
    assert told(state) == ["traffic goes to blue 100 %", "removed green"]


def test_the_live_container_is_started_before_traffic_goes_to_it():
    stopped = {**BLUE, "running": False}
    state = found(stopped, fronts=[PROXY], routes=Routes(all_to("green")))
    assert told(state) == ["started blue", "traffic goes to blue 100 %"]


def test_a_proxy_that_has_been_stopped_is_started_and_told_where_traffic_goes():
    state = found(BLUE, fronts=[{**PROXY, "running": False}])
    assert told(state) == ["started proxy", "traffic goes to blue 100 %"]


def test_a_move_from_recreate_that_was_interrupted_gives_the_port_back():
    old = container("old", "run-1", running=False)
    state = found(old, container("blue", "run-2", "blue"), fronts=[PROXY], routes=Routes(all_to("blue")))
    assert told(state) == ["removed blue", "stopped proxy", "started old"]


def test_a_standby_stays_where_it_is():
    green = container("green", "run-0", "green")
    state = found(BLUE, green, fronts=[PROXY], routes=Routes(all_to("blue")), verified=("run-0", "run-1"))
    assert told(state) == []
    assert reconcile.standby(state) is green


def test_a_canary_that_waits_in_the_container_of_an_earlier_release_is_no_standby():
    green = container("green", "run-0", "green")
    paused = {"run": "run-2", "container_run": "run-0", "weight": 5}
    state = found(BLUE, green, fronts=[PROXY], paused=paused, verified=("run-0", "run-1"))
    assert reconcile.standby(state) is None
    assert reconcile.paused_container(state) is green


def test_the_container_that_a_rollback_went_back_to_is_live_although_another_run_made_it():
    back = {"run": "run-3", "container_run": "run-0", "version": "1.0.0", "time": LIVE["time"]}
    green = container("green", "run-0", "green")
    state = found(BLUE, green, fronts=[PROXY], live=back, verified=("run-0", "run-1"), routes=Routes(all_to("blue")))
    assert reconcile.live_container(state.ours, back) is green
    assert told(state) == ["traffic goes to green 100 %"]


def test_a_canary_that_waits_keeps_its_container_and_its_share():
    green = container("green", "run-2", "green")
    paused = {"run": "run-2", "container_run": "run-2", "weight": 5}
    state = found(BLUE, green, fronts=[PROXY], paused=paused, routes=Routes(all_to("blue")))
    (step,) = reconcile.steps(state)
    assert step.routes == Routes({"blue": 95, "green": 5}, "green")


def test_the_maintenance_page_stays_as_it_is():
    state = found(BLUE, fronts=[PROXY], routes=Routes(all_to("green"), maintenance=True))
    (step,) = reconcile.steps(state)
    assert step.routes == Routes(all_to("blue"), maintenance=True)


def test_a_proxy_that_has_finished_draining_is_removed():
    old = {**container("old proxy", "", "proxy"), "running": False}
    assert told(found(BLUE, fronts=[PROXY, old], routes=Routes(all_to("blue")))) == ["removed old proxy"]


def test_a_proxy_that_never_came_up_is_removed_and_the_one_before_it_serves_on():
    never = container("new proxy", "", "proxy", running=False)
    assert told(found(BLUE, fronts=[never, PROXY], routes=Routes(all_to("blue")))) == ["removed new proxy"]


def test_of_two_proxies_that_serve_the_earlier_one_leaves():
    earlier = container("old proxy", "", "proxy")
    assert told(found(BLUE, fronts=[PROXY, earlier], routes=Routes(all_to("blue")))) == [
        "traffic goes to blue 100 %",
        "no new connections for old proxy",
    ]
    leaves = {**earlier, "restart_policy": "no"}
    assert told(found(BLUE, fronts=[PROXY, leaves], routes=Routes(all_to("blue")))) == []


def test_a_proxy_that_has_been_stopped_is_started_although_an_earlier_one_still_finishes():
    stopped = container("proxy", "", "proxy", running=False)
    leaves = {**container("old proxy", "", "proxy"), "restart_policy": "no"}
    state = found(BLUE, fronts=[stopped, leaves], routes=Routes(all_to("blue")))
    assert told(state) == ["started proxy", "traffic goes to blue 100 %"]


def test_a_proxy_that_was_made_for_a_first_deployment_and_has_nothing_to_serve_is_removed():
    never = container("proxy", "", "proxy", running=False)
    assert told(found(fronts=[never], live=None)) == ["removed proxy"]
    assert told(found(container("live", "run-1"), fronts=[never])) == []


@pytest.mark.parametrize(("seconds", "over"), [(599, False), (600, True)])
def test_a_standby_is_stopped_when_its_time_is_over(seconds, over):
    green = container("green", "run-0", "green")
    live = {**LIVE, "time": (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    state = found(BLUE, green, live=live, verified=("run-0", "run-1"))
    assert (reconcile.expired(state, 600, NOW) is green) is over


containers = st.builds(
    container,
    st.just("c"),
    st.sampled_from(["run-0", "run-1", "run-2"]),
    st.sampled_from(["blue", "green", "public", "candidate"]),
    st.booleans(),
)


fronts = st.builds(
    lambda running, policy: {**container("p", "", "proxy", running), "restart_policy": policy},
    st.booleans(),
    st.sampled_from(["unless-stopped", "no"]),
)


def after(state, todo):
    """What the steps make of a target, as Docker and HAProxy would."""
    ours, fronts, routes = list(state.ours), list(state.fronts), state.routes
    for step in todo:
        target = step.container
        if step.verb == "remove":
            ours = [it for it in ours if it is not target]
            fronts = [it for it in fronts if it is not target]
        elif step.verb == "start":
            ours = [{**it, "running": True} if it is target else it for it in ours]
        elif step.verb == "stop":
            fronts = [{**it, "running": False} if it is target else it for it in fronts]
        elif step.verb == "start_front":
            begun = {"running": True, "restart_policy": "unless-stopped"}
            fronts = [{**it, **begun} if it is target else it for it in fronts]
        elif step.verb == "leave":
            fronts = [{**it, "restart_policy": "no"} if it is target else it for it in fronts]
        else:
            routes = step.routes
        if not any(it["running"] for it in fronts):
            routes = None
    routed = any(step.routes for step in todo)
    next_slot = reconcile.live_slot(state) if routed and state.next_slot is not None else state.next_slot
    return reconcile.Found(ours, fronts, routes, state.live, state.paused, state.verified_runs, next_slot)


def place(it):
    """What Docker lets only one container have: a slot's port, or the name of a candidate."""
    return it["run"] if it["slot"] == "candidate" else it["slot"]


@given(
    ours=st.lists(containers, max_size=4, unique_by=place),
    fronts=st.lists(fronts, max_size=3),
    weights=st.sampled_from([all_to("blue"), all_to("green"), all_to(""), {"blue": 75, "green": 25}]),
    live=st.sampled_from([None, LIVE, {**LIVE, "run": "run-3", "container_run": "run-0"}]),
    next_slot=st.sampled_from([None, "", "blue", "green"]),
)
def test_one_run_reconciles_whatever_was_left(ours, fronts, weights, live, next_slot):
    routes = Routes(weights) if any(it["running"] for it in fronts) else None
    state = found(*ours, fronts=fronts, routes=routes, live=live, verified=("run-0", "run-1"), next_slot=next_slot)
    done = after(state, reconcile.steps(state))
    assert reconcile.steps(done) == []
    kept = reconcile.live_container(done.ours, live)
    if kept:
        assert kept["running"]
    if done.routes and kept and kept["slot"] in done.routes.weights:
        assert done.routes.weights == all_to(kept["slot"])
