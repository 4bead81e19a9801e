"""No client address decides about a release: neither in the pure verdict, nor with what HAProxy counts."""

import random

import pytest
from ansible_collections.slipway.core.plugins.module_utils import haproxy_clients
from ansible_collections.slipway.core.plugins.module_utils.crowd import PACED, Crowd, Sample, Tally, since
from ansible_collections.slipway.core.plugins.module_utils.verdict import (
    CONVICT,
    FIRST,
    Looks,
    Outcome,
    Policy,
    judge,
    suspect,
)
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = Policy(latency=CONVICT)


def outcome(
    crowd: Crowd, looks: Looks = FIRST, policy: Policy = POLICY, ms: tuple[float, float] = (0.0, 0.0)
) -> Outcome:
    """The verdict on the sums of a crowd."""
    own, other = (
        Sample(sum(it.requests for it in side.values()), sum(it.failures for it in side.values()), average)
        for side, average in zip((crowd.candidate, crowd.live), ms, strict=True)
    )
    return judge(own, other, policy, 1, looks, crowd).outcome


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    requests = draw(st.integers(1, 2000))
    return Tally(requests, draw(st.integers(0, requests)), draw(st.integers(0, requests * 5000)))


def quiet(count: int) -> dict[str, Tally]:
    """Addresses that all got the same, whatever that is."""
    return {f"honest-{number}": Tally(20, 1, 400) for number in range(count)}


@given(tallies(), st.none() | tallies(), st.integers(PACED, 40), st.integers(0, 299))
def test_one_client_of_many_cannot_have_a_release_convicted(
    candidate: Tally, live: Tally | None, others: int, number: int
) -> None:
    """It may fail and be slow at one of them as often as it likes; two servers that are alike stay acquitted."""
    crowd = Crowd({**quiet(others), "malicious": candidate}, {**quiet(others), **({"malicious": live} if live else {})})
    assert outcome(crowd, Looks(number, (0, 0), POLICY.latency_looks)) is not Outcome.BAD


@given(tallies(), tallies())
def test_a_client_alone_convicts_nobody(candidate: Tally, live: Tally) -> None:
    crowd = Crowd({"alone": candidate}, {"alone": live})
    assert outcome(crowd, Looks(0, (0, 0), POLICY.latency_looks), ms=(5000.0, 1.0)) is not Outcome.BAD
    assert (
        suspect(Sample(candidate.requests, candidate.failures), Sample(0), POLICY, FIRST, crowd).outcome is Outcome.WAIT
    )


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9]), st.booleans())
def test_servers_that_are_alike_are_not_convicted_under_any_common_load(seed: int, rate: float, attacked: bool) -> None:
    """A hundred looks under load that comes and goes for both, with one client that fails at the candidate alone."""
    rng = random.Random(seed)
    sides: tuple[dict[str, Tally], dict[str, Tally]] = ({}, {})
    looks, convicted = FIRST, False
    for _ in range(100):
        now, load = rng.choice([rate, rate / 4, min(1.0, rate * 2)]), rng.choice([5, 80, 3000])
        for number in range(12):
            for side in sides:
                had = side.get(str(number), Tally())
                failed = rng.random() < now
                side[str(number)] = Tally(had.requests + 1, had.failures + failed, had.milliseconds + load)
        if attacked:
            had = sides[0].get("malicious", Tally())
            sides[0]["malicious"] = Tally(had.requests + 30, had.failures + 30, had.milliseconds + 90_000)
        crowd = Crowd(*sides)
        own, other = (
            Sample(sum(it.requests for it in side.values()), sum(it.failures for it in side.values())) for side in sides
        )
        found = judge(own, other, Policy(latency=CONVICT, alpha=1e-6), 1, looks, crowd)
        looks, convicted = found.looks, convicted or found.outcome is Outcome.BAD
    assert not convicted


def test_a_release_that_fails_for_many_is_convicted() -> None:
    failing = {str(number): Tally(3, 2, 60) for number in range(5)}
    assert outcome(Crowd(failing, quiet(20))) is Outcome.BAD


def test_a_release_that_is_slow_for_many_is_convicted_only_where_that_is_asked_for() -> None:
    slow = {str(number): Tally(30, 0, 30 * 500) for number in range(5)}
    live = {str(number): Tally(30, 0, 30 * 20) for number in range(5)}
    looks = Looks(4, (0, 0), POLICY.latency_looks - 1)
    assert outcome(Crowd(slow, live), looks) is Outcome.BAD
    assert outcome(Crowd(slow, live), looks, Policy()) is Outcome.GOOD


def test_what_one_client_brings_about_does_not_keep_a_release_waiting() -> None:
    crowd = Crowd({**quiet(20), "malicious": Tally(500, 500)}, quiet(20))
    assert outcome(crowd) is Outcome.GOOD
    assert outcome(Crowd({"alone": Tally(500, 500)}, {"alone": Tally(500)})) is Outcome.WAIT


def test_an_address_counts_from_a_moment_on_and_anew_after_a_reload() -> None:
    assert since({"a": Tally(9, 2, 90), "b": Tally(1)}, {"a": Tally(5, 1, 50), "b": Tally(1)}) == {"a": Tally(4, 1, 40)}
    assert since({"a": Tally(3, 0, 30)}, {"a": Tally(5, 1, 50)}) == {"a": Tally(3, 0, 30)}


def test_what_haproxy_counts_of_each_client_is_read() -> None:
    """As HAProxy 2.6.12 answers ``show table``."""
    text = """# table: answers, type: ipv6, size:20480, used:2
0x55a3ee47a728: key=::ffff:1.2.3.4 use=0 exp=598862 gpt0=504 gpt1=7 gpc0=3 gpc1=1 gpc2=2 gpc3=0
0x7fe43c03de48: key=2001:db8:: use=0 exp=598544 gpt0=1 gpt1=0 gpc0=2 gpc1=1 gpc2=0 gpc3=0

"""
    found = haproxy_clients.parse(text, ("blue", "green"))
    assert found["blue"] == {"::ffff:1.2.3.4": Tally(3, 1, 504), "2001:db8::": Tally(2, 1, 1)}
    assert found["green"]["::ffff:1.2.3.4"] == Tally(2, 0, 7)


@pytest.mark.parametrize("answer", ["", "No such table\n"])
def test_a_proxy_that_keeps_no_such_table_yet_tells_of_nobody(answer: str) -> None:
    assert haproxy_clients.parse(answer, ("blue", "green")) == {"blue": {}, "green": {}}
