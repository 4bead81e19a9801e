"""What the ledger's entries mean: live, verified, approved, protected, and where a rollback goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils.history import (
    History,
    NoRollback,
    State,
    check_fields,
)
from ansible_collections.slipway.core.plugins.module_utils.ledger import format_time
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
Move = tuple[int, str]

moves = st.lists(st.tuples(st.integers(1, 5), st.sampled_from("ab")), max_size=25)


def history(*events: dict[str, Any]) -> History:
    return History([{"seq": number, **event} for number, event in enumerate(events, start=1)])


def deployed(build: int, config: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "event": "deployed",
        "version": f"1.0.{build}",
        "digest": f"sha256:{build}",
        "config": config,
        **more,
    }


def failed(build: int, **more: Any) -> dict[str, Any]:
    return {**deployed(build, **more), "event": "failed"}


def approved(build: int, hours: float = 24, **more: Any) -> dict[str, Any]:
    return {
        "event": "approved",
        "version": f"1.0.{build}",
        "digest": f"sha256:{build}",
        "environment": "production",
        "approved_by": "alice",
        "expires": format_time(NOW + timedelta(hours=hours)),
        **more,
    }


def states(*pairs: Move) -> list[State]:
    return [State(f"sha256:{build}", config) for build, config in pairs]


def target(*pairs: Move) -> Move | None:
    """Where a rollback goes after these states were deployed one after the other."""
    try:
        entry = history(*(deployed(*pair) for pair in pairs)).rollback_target()
    except NoRollback:
        return None
    return int(entry["version"].rpartition(".")[2]), entry["config"]


def test_an_empty_history_has_nothing() -> None:
    empty = history()
    assert empty.live() is None
    assert empty.verified_digests() == frozenset()
    assert empty.protected(5) == []
    assert empty.recent(10) == []
    with pytest.raises(NoRollback, match="nothing has been verified here yet"):
        empty.rollback_target()


def test_only_deployed_entries_make_a_release_live_and_verified() -> None:
    past = history(deployed(1), failed(2), {"event": "aborted"}, approved(3), {"event": "something_new"})
    live = past.live()
    assert live is not None
    assert live["version"] == "1.0.1"
    assert past.verified_digests() == {"sha256:1"}
    assert past.is_verified("sha256:1")
    assert not past.is_verified("sha256:2")
    assert past.find_verified("1.0.2") is None


def test_a_version_is_found_with_its_newest_verified_configuration() -> None:
    found = history(deployed(1, "a"), deployed(1, "b"), deployed(2, "b"), failed(1, config="c"))
    entry = found.find_verified("1.0.1")
    assert entry is not None
    assert entry["seq"] == 2


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([(1, "a")], None),
        ([(1, "a"), (2, "a")], (1, "a")),
        # Rollbacks in a row go on back, and end.
        ([(1, "a"), (2, "a"), (3, "a"), (2, "a")], (1, "a")),
        ([(1, "a"), (2, "a"), (3, "a"), (2, "a"), (1, "a")], None),
        # What somebody went back from is not gone back to, unless it was deployed again.
        ([(1, "a"), (2, "a"), (3, "a"), (2, "a"), (4, "a")], (2, "a")),
        ([(1, "a"), (2, "a"), (1, "a"), (2, "a"), (3, "a")], (2, "a")),
        ([(1, "a"), (2, "a"), (3, "a"), (1, "a"), (3, "a")], (1, "a")),
        ([(1, "a"), (2, "a"), (3, "a"), (1, "a"), (4, "a"), (2, "a")], (4, "a")),
        # A change of configuration alone can be undone; so can a second one.
        ([(1, "a"), (1, "b")], (1, "a")),
        ([(1, "a"), (1, "b"), (1, "c")], (1, "b")),
        ([(1, "a"), (1, "b"), (1, "c"), (1, "b")], (1, "a")),
        ([(1, "a"), (1, "b"), (1, "a")], None),
        # An earlier release counts by its newest configuration.
        ([(1, "a"), (2, "a"), (2, "b"), (3, "b")], (2, "b")),
        ([(1, "a"), (2, "a"), (3, "a"), (2, "b")], (1, "a")),
        ([(1, "a"), (2, "a"), (3, "a"), (2, "b"), (4, "b")], (2, "b")),
        ([(1, "a"), (2, "a"), (1, "b")], None),
        # The same thing again changes nothing.
        ([(1, "a"), (2, "a"), (2, "a")], (1, "a")),
    ],
)
def test_where_a_rollback_goes(before: list[Move], expected: Move | None) -> None:
    assert target(*before) == expected


def test_a_rollback_that_leads_nowhere_names_what_is_verified() -> None:
    past = history(deployed(1), deployed(2), deployed(1))
    with pytest.raises(NoRollback, match=r"before 1\.0\.1, which is live; verified: 1\.0\.1, 1\.0\.2$"):
        past.rollback_target()
    with pytest.raises(NoRollback, match=r"version 1\.0\.9 was never verified here; verified: 1\.0\.1, 1\.0\.2$"):
        past.rollback_target("1.0.9")


def test_a_failed_version_cannot_be_named() -> None:
    with pytest.raises(NoRollback, match="never verified"):
        history(deployed(1), failed(2)).rollback_target("1.0.2")


def test_a_named_version_may_be_one_that_was_gone_back_from_or_the_live_one() -> None:
    past = history(deployed(1, "a"), deployed(2, "b"), deployed(1, "a"))
    assert past.rollback_target("1.0.2")["config"] == "b"
    assert past.rollback_target("1.0.1") == past.live()


@given(moves)
def test_a_target_was_verified_before_and_is_not_what_is_live(before: list[Move]) -> None:
    found = target(*before)
    if found is not None:
        assert found in before
        assert found != before[-1]


@given(moves)
def test_rollbacks_in_a_row_never_meet_a_state_twice_and_end(before: list[Move]) -> None:
    trail, met = list(before), before[-1:]
    while (found := target(*trail)) is not None:
        assert found not in met
        met.append(found)
        trail.append(found)
    assert len(met) <= len(set(before)) or not before


@given(moves)
def test_rollbacks_in_a_row_visit_each_release_in_one_stretch(before: list[Move]) -> None:
    trail, builds = list(before), [build for build, _ in before[-1:]]
    while (found := target(*trail)) is not None:
        trail.append(found)
        if found[0] != builds[-1]:
            assert found[0] not in builds
            builds.append(found[0])


@given(st.lists(st.integers(1, 9), min_size=2, unique=True))
def test_with_new_releases_only_a_rollback_undoes_the_last_deployment(builds: list[int]) -> None:
    assert target(*((build, "a") for build in builds)) == (builds[-2], "a")


@given(moves, st.integers(1, 5))
def test_a_rollback_right_after_a_new_release_restores_what_was_live(before: list[Move], keep: int) -> None:
    if before:
        assert target(*before, (99, "a")) == before[-1]
        past = history(*(deployed(*move) for move in [*before, (99, "a")]))
        assert states(before[-1])[0] in past.protected(keep)


@given(moves, st.integers(0, 6))
def test_what_rollbacks_may_need_is_protected(before: list[Move], keep: int) -> None:
    past = history(*(deployed(*move) for move in before))
    protected = past.protected(keep)
    assert len(protected) == len(set(protected)) <= 3 * keep + 1
    assert set(protected) <= set(states(*before))
    if before:
        assert protected[0] == states(before[-1])[0]
    newest_first = list(dict.fromkeys(states(*reversed(before))))
    assert set(newest_first[: keep + 1]) <= set(protected)
    trail = list(before)
    for _ in range(keep):
        if (found := target(*trail)) is None:
            break
        assert states(found)[0] in protected
        trail.append(found)


@given(moves, st.integers(2, 5))
def test_a_rollback_finds_something_that_pruning_has_left(before: list[Move], keep: int) -> None:
    """However the configuration changed and whatever was deployed again, after every deployment was pruned."""
    events: list[dict[str, Any]] = []
    kept: set[str] = set()
    for build, config in before:
        events.append(deployed(build, f"{build}{config}"))
        kept.add(f"{build}{config}")
        kept &= {state.config for state in history(*events).protected(keep - 1)}
    if target(*before) is None:
        return
    past = history(*events)
    found = past.rollback_target(kept=kept)
    assert found["config"] in kept
    assert found["config"] != events[-1]["config"]


def test_many_configurations_do_not_push_the_release_before_them_out() -> None:
    past = history(deployed(1, "x"), *(deployed(2, str(number)) for number in range(9)))
    assert State("sha256:1", "x") in past.protected(1)


def test_what_is_not_kept_any_more_is_no_target() -> None:
    past = history(deployed(1, "x"), deployed(2, "y"), deployed(3, "z"))
    assert past.rollback_target(kept={"x", "z"})["version"] == "1.0.1"
    with pytest.raises(NoRollback, match=r"version 1\.0\.2 is not kept any more"):
        past.rollback_target("1.0.2", kept={"x", "z"})
    with pytest.raises(NoRollback, match="none of the earlier releases is kept"):
        past.rollback_target(kept={"z"})


def test_a_canary_that_waits_is_protected_before_anything_was_deployed() -> None:
    waiting = {**deployed(1), "event": "paused", "container_run": "run-1"}
    assert history(waiting).protected(0) == states((1, "a"))


def test_failed_releases_are_not_protected() -> None:
    past = history(deployed(1), deployed(2, "b"), failed(3))
    assert past.protected(5) == states((2, "b"), (1, "a"))


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        history(approved(1)).approval_for("sha256:1", NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({**deployed(1), "digest": None}, "the event deployed needs the field digest as a text"),
        ({**deployed(1), "config": ""}, "the event deployed needs the field config as a text"),
        ({"event": "approved"}, "the event approved needs the field version as a text"),
        (approved(1, expires="tomorrow"), "'tomorrow' is not a time such as"),
    ],
)
def test_an_event_without_what_decisions_need_is_refused(event: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_fields(event["event"], event)
    with pytest.raises(ValueError, match=f"ledger entry 2: {message}"):
        history(deployed(1), event)


def test_recent_entries_come_newest_first() -> None:
    past = history(deployed(1), failed(2), deployed(3))
    assert [entry["seq"] for entry in past.recent(2)] == [3, 2]
    assert [entry["seq"] for entry in past.recent(9)] == [3, 2, 1]
    assert past.recent(0) == []


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot show -1 entries"):
        history().recent(-1)
    with pytest.raises(ValueError, match="cannot keep -1 releases"):
        history().protected(-1)


def test_a_canary_waits_until_somebody_decides() -> None:
    paused = {**deployed(2), "event": "paused", "container_run": "run-2"}
    tidied = {"event": "aborted", "run": "run-3", "reconciled": ["traffic goes to blue 95 %, green 5 %"]}
    given_up = {"event": "aborted", "run": "run-4", "version": "1.0.2"}
    assert history(deployed(1)).paused() is None
    for waiting in (history(deployed(1), paused), history(deployed(1), paused, tidied)):
        assert (waiting.paused() or {})["version"] == "1.0.2"
    for decision in (given_up, deployed(2), failed(2)):
        assert history(deployed(1), paused, decision).paused() is None


def test_what_a_run_has_put_back_for_another_does_not_tell_how_it_ended_itself() -> None:
    interrupted = {"run": "run-2", "after": ["run-1"]}
    past = history({"event": "aborted", "run": "run-3", "reconciled": [], "interrupted": interrupted})
    assert [past.tells_of(f"run-{number}") for number in (1, 2, 3)] == [True, True, False]
