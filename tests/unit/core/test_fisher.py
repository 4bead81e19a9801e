"""Fisher's exact test against exact arithmetic."""

import time
from fractions import Fraction
from math import comb

import pytest
from ansible_collections.slipway.core.plugins.module_utils.fisher import upper_tail
from hypothesis import given
from hypothesis import strategies as st


def exact(failed: int, requests: int, other_failed: int, other_requests: int) -> float:
    failures, everything = failed + other_failed, requests + other_requests
    ways = sum(
        comb(failures, k) * comb(everything - failures, requests - k)
        for k in range(failed, min(failures, requests) + 1)
    )
    return float(Fraction(ways, comb(everything, requests)))


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    requests, others = draw(st.integers(0, 60)), draw(st.integers(0, 400))
    return draw(st.integers(0, requests)), requests, draw(st.integers(0, others)), others


@given(tables())
def test_it_is_the_exact_sum(table: tuple[int, int, int, int]) -> None:
    assert upper_tail(*table) == pytest.approx(exact(*table), rel=1e-9, abs=1e-300)


@given(tables())
def test_both_directions_overlap_in_what_was_seen(table: tuple[int, int, int, int]) -> None:
    failed, requests, other_failed, others = table
    failures = failed + other_failed
    seen = comb(failures, failed) * comb(requests + others - failures, requests - failed)
    both = upper_tail(*table) + upper_tail(other_failed, others, failed, requests)
    assert both == pytest.approx(1 + seen / comb(requests + others, requests))


def test_fisher_s_own_example_of_the_convicts_twins() -> None:
    """13 monozygotic twins of convicts, 10 convicted themselves; 17 dizygotic, 2: 619 / 1330665."""
    assert upper_tail(10, 13, 2, 17) == pytest.approx(619 / 1330665)


@pytest.mark.parametrize("failed", [0, 1_000, 9_000, 10_000, 10_001, 12_000, 900_000])
def test_millions_take_milliseconds(failed: int) -> None:
    started = time.perf_counter()
    p = upper_tail(failed, 1_000_000, 100_000, 10_000_000)
    assert time.perf_counter() - started < 0.2
    assert 0 <= p <= 1
    assert (p < 1e-6) == (failed > 11_000)
