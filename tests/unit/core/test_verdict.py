"""The verdict on a candidate, from what HAProxy counts."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils.crowd import Sample
from ansible_collections.slipway.core.plugins.module_utils.verdict import (
    CONVICT,
    FIRST,
    Looks,
    Outcome,
    Policy,
    Verdict,
    fails_more,
    judge,
    suspect,
)
from hypothesis import given
from hypothesis import strategies as st

POLICY = Policy(latency=CONVICT)
OK = Sample(1000, 0, 20.0)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    requests = draw(st.integers(0, 400))
    return Sample(requests, draw(st.integers(0, requests)), draw(st.sampled_from([0.0, 20.0, 500.0])))


def look_on(pairs: Iterable[tuple[Sample, Sample]], policy: Policy = POLICY) -> list[Verdict]:
    verdicts, looks = [], FIRST
    for waited, (candidate, live) in enumerate(pairs, 1):
        verdicts.append(judge(candidate, live, policy, waited, looks))
        looks = verdicts[-1].looks
    return verdicts


def test_a_candidate_that_does_as_well_is_good_after_enough_requests() -> None:
    assert judge(Sample(99), OK, POLICY, 5).outcome is Outcome.WAIT
    verdict = judge(Sample(100, 1), OK, POLICY, 5)
    assert verdict.outcome is Outcome.GOOD
    assert verdict.reason == (
        "nothing speaks against it: 1 of 100 requests failed (1.0%), "
        "of the live release 0 of 1000 requests failed (0.0%)"
    )
    assert judge(Sample(5000), Sample(99), POLICY, 5).outcome is Outcome.WAIT
    assert judge(Sample(100), OK, replace(POLICY, min_seconds=6), 5).outcome is Outcome.WAIT


def test_a_candidate_that_only_fails_is_convicted_after_five_requests() -> None:
    candidate, live = Sample(5, 5), Sample(100)
    verdict = judge(candidate, live, POLICY, 1)
    assert verdict.outcome is Outcome.BAD
    assert verdict.reason == (
        "it fails more often than the live release: 5 of 5 requests failed (100.0%) "
        "against 0 of 100 requests failed (0.0%)"
    )
    assert judge(candidate, live, POLICY, 299, Looks(number=298)).outcome is Outcome.BAD


def test_one_or_two_failed_requests_convict_nobody() -> None:
    assert judge(Sample(2, 2), Sample(1_000_000), POLICY, 1).outcome is Outcome.WAIT


def test_when_both_fail_nobody_is_convicted() -> None:
    assert judge(Sample(100, 90), Sample(1000, 900), POLICY, 1).outcome is Outcome.GOOD
    assert judge(Sample(20, 20), Sample(200, 200), POLICY, 1).outcome is Outcome.WAIT


def test_a_difference_that_is_sure_but_small_convicts_nobody() -> None:
    candidate, live = Sample(1_000_000, 1_200), Sample(1_000_000, 1_000)
    assert judge(candidate, live, POLICY, 1).outcome is Outcome.GOOD
    assert judge(candidate, live, replace(POLICY, tolerance=0.0), 1).outcome is Outcome.BAD


def test_a_difference_that_is_large_but_not_sure_convicts_nobody() -> None:
    assert judge(Sample(20, 3), Sample(180, 9), POLICY, 1).outcome is Outcome.WAIT


def test_without_traffic_of_the_live_release_the_tolerance_is_what_counts() -> None:
    assert judge(Sample(5, 5), Sample(0), POLICY, 1).outcome is Outcome.BAD
    assert judge(Sample(500, 5), Sample(0), POLICY, 1).outcome is Outcome.WAIT


@pytest.mark.parametrize(
    ("on_too_few", "outcome"), [("promote", Outcome.GOOD), ("abort", Outcome.BAD), ("pause", Outcome.PAUSE)]
)
def test_too_few_requests_at_the_deadline_are_the_policys_choice(on_too_few: str, outcome: Outcome) -> None:
    policy = replace(POLICY, on_too_few=on_too_few)
    assert judge(Sample(9), OK, policy, 299.9).outcome is Outcome.WAIT
    late = judge(Sample(9), OK, policy, 300)
    assert late.outcome is outcome
    assert late.reason.startswith("it is undecided after 300 s: 0 of 9")
    assert judge(Sample(100), OK, policy, 300).outcome is Outcome.GOOD
    assert judge(Sample(9, 9), OK, policy, 300).outcome is Outcome.BAD


def test_the_evidence_is_what_a_ledger_needs() -> None:
    assert judge(Sample(10, 5, 7.0), Sample(90, 1, 6.0), POLICY, 12.34).evidence == {
        "candidate": {"requests": 10, "failures": 5, "response_ms": 7.0, "share": 0.5},
        "live": {"requests": 90, "failures": 1, "response_ms": 6.0, "share": 0.011111},
        "p_value": 1.92e-05,
        "threshold": 0.005,
        "look": 1,
        "slow_looks": 0,
        "seconds": 12.3,
    }


def traffic(rng: random.Random, rates: tuple[float, float], each: tuple[int, int]) -> Iterable[tuple[Sample, Sample]]:
    """300 looks, with so many new requests of candidate and live release at each."""
    failures = [0, 0]
    for look in range(1, 301):
        for side in (0, 1):
            failures[side] += rng.binomialvariate(each[side], rates[side])
        yield Sample(each[0] * look, failures[0]), Sample(each[1] * look, failures[1])


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05])
def test_a_look_each_second_convicts_hardly_any_release_that_is_as_good(rate: float) -> None:
    """The test alone: neither the tolerance nor the fewest failures help it."""
    rng = random.Random(20250607)
    policy = replace(POLICY, tolerance=0.0, min_failures=1)
    runs = 200
    convicted = sum(
        any(fails_more(*pair, policy, look) for look, pair in enumerate(traffic(rng, (rate, rate), (2, 18)), 1))
        for _ in range(runs)
    )
    assert convicted <= 0.01 * runs


def test_a_release_that_fails_every_fifth_request_is_convicted_within_a_hundred() -> None:
    rng = random.Random(20250607)
    needed = []
    for _ in range(50):
        verdicts = look_on(traffic(rng, (0.2, 0.005), (1, 9)), replace(POLICY, min_requests=300))
        needed.append(next(at for at, verdict in enumerate(verdicts, 1) if verdict.outcome is Outcome.BAD))
    needed.sort()
    assert needed[48] <= 100
    assert needed[25] <= 50


@given(samples(), samples(), st.integers(0, 299), st.floats(0, 400))
def test_more_failures_never_help_the_candidate(candidate: Sample, live: Sample, number: int, waited: float) -> None:
    worse = [
        judge(replace(candidate, failures=failures), live, POLICY, waited, Looks(number))
        for failures in range(candidate.failures, candidate.requests + 1, 7)
    ]
    convicted = [verdict.outcome is Outcome.BAD for verdict in worse]
    assert convicted == sorted(convicted)
    p_values = [verdict.evidence["p_value"] for verdict in worse]
    assert p_values == sorted(p_values, reverse=True)


@given(samples(), samples(), st.integers(0, 299))
def test_of_two_releases_one_at_most_is_convicted_for_failures(one: Sample, other: Sample, number: int) -> None:
    policy = replace(POLICY, latency_looks=0)
    outcomes = [judge(*pair, policy, 1, Looks(number)).outcome for pair in ((one, other), (other, one))]
    assert outcomes != [Outcome.BAD, Outcome.BAD]


@given(samples(), st.integers(0, 299))
def test_nobody_is_convicted_beside_its_like(both: Sample, number: int) -> None:
    if both.requests:
        assert judge(both, both, POLICY, 1, Looks(number)).outcome in (Outcome.WAIT, Outcome.GOOD)


def slow(looks: int, candidate_ms: float, live_ms: float, step: int = 100, **live: Any) -> list[Verdict]:
    return look_on(
        (Sample(step * at, 0, candidate_ms), Sample(step * 10 * at, response_ms=live_ms, **live))
        for at in range(1, looks + 1)
    )


def test_a_candidate_that_stays_slow_is_convicted_after_five_looks() -> None:
    verdicts = slow(5, 121.0, 60.0)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.WAIT] * 4 + [Outcome.BAD]
    assert verdicts[-1].reason == (
        "it answers more slowly than the live release: in 121 ms against 60 ms, in 5 looks in a row"
    )


@pytest.mark.parametrize(("candidate_ms", "live_ms"), [(120.0, 60.0), (51.0, 1.0), (150.0, 100.0)])
def test_slower_by_the_factor_or_the_floor_alone_is_not_slow(candidate_ms: float, live_ms: float) -> None:
    assert slow(9, candidate_ms, live_ms)[-1].outcome is Outcome.GOOD


def test_a_slow_start_before_enough_requests_is_forgiven() -> None:
    assert slow(9, 500.0, 20.0, step=1)[-1].outcome is Outcome.WAIT
    warm = [(Sample(10 * at, 0, 500.0 if at < 9 else 60.0), Sample(100 * at, 0, 20.0)) for at in range(1, 11)]
    assert look_on(warm)[-1].outcome is Outcome.GOOD


def test_a_hiccup_does_not_convict_and_looks_without_new_requests_do_not_count() -> None:
    times = [500.0, 500.0, 500.0, 500.0, 20.0, 500.0]
    pairs = [(Sample(100 * at, 0, ms), Sample(1000 * at, 0, 20.0)) for at, ms in enumerate(times, 1)]
    assert look_on(pairs)[-1].looks.slow == 1
    same = [(Sample(100, 0, 500.0), Sample(1000, 0, 20.0))] * 9
    assert look_on(same)[-1].looks == Looks(1, (100, 1000), 1)
    old = [(Sample(100, 0, 500.0), Sample(1000 + at, 0, 20.0)) for at in range(9)]
    assert look_on(old)[-1].looks.slow == 1
    idle = [(Sample(100 + at, 0, 500.0), Sample(1000, 0, 20.0)) for at in range(9)]
    assert look_on(idle)[-1].looks.slow == 1


def test_an_average_of_no_answers_makes_nobody_slow() -> None:
    pairs = [(Sample(100 * at, 100 * at, 500.0), Sample(100 * at, 100 * at)) for at in range(1, 9)]
    assert look_on(pairs)[-1].outcome is Outcome.GOOD


def test_latency_may_be_passed_over() -> None:
    pairs = [(Sample(100 * at, 0, 500.0), Sample(1000 * at, 0, 20.0)) for at in range(1, 9)]
    assert look_on(pairs, replace(POLICY, latency_looks=0))[-1].outcome is Outcome.GOOD


def test_being_slow_is_only_told_of_unless_a_policy_says_otherwise() -> None:
    pairs = [(Sample(100 * at, 0, 500.0), Sample(1000 * at, 0, 20.0)) for at in range(1, 9)]
    last = look_on(pairs, Policy())[-1]
    assert last.outcome is Outcome.GOOD
    assert last.warning.startswith("it answers more slowly than the live release: in 500 ms against 20 ms")


def test_what_came_one_after_the_other_is_a_suspicion() -> None:
    assert suspect(Sample(5000, 5), OK, POLICY).outcome is Outcome.WAIT
    assert suspect(Sample(0), Sample(0), POLICY).outcome is Outcome.WAIT
    bad = suspect(Sample(50, 10), OK, POLICY)
    assert bad.outcome is Outcome.BAD
    assert "fails more often than the release before" in bad.reason
    assert suspect(Sample(50, 10), Sample(500, 100), POLICY).outcome is Outcome.WAIT


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_requests": 0},
        {"tolerance": 1.0},
        {"tolerance": -0.1},
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"min_failures": 0},
        {"min_seconds": 301.0},
        {"deadline": 0.0},
        {"deadline": float("nan")},
        {"on_too_few": "wait"},
        {"latency_factor": 0.9},
        {"latency_floor_ms": -1.0},
        {"latency_looks": -1},
        {"latency": "abort"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} of a verdict's policy cannot be"):
        Policy(**wrong)


def test_a_sample_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2 requests cannot have failed"):
        Sample(2, 3)
    with pytest.raises(ValueError, match="no response time"):
        Sample(2, 1, float("nan"))
