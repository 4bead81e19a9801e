"""Fisher's exact test of two shares, one-sided.

Source: R. A. Fisher, Statistical Methods for Research Workers, 5th edition (1934), section 21.02.
"""

from __future__ import annotations

from math import exp, lgamma


def upper_tail(failed: int, requests: int, other_failed: int, other_requests: int) -> float:
    """The chance that so many of these requests fail, or more, if both shares are the same (hypergeometric).

    Sums the tail outward from what was seen, by the ratio of neighbouring terms, until nothing is added: some ten
    standard deviations of terms, so that millions of requests take milliseconds. Below the mean it is the other tail
    that gets small outward, so that one is summed.

    :param failed: of ``requests``, at most as many; ``other_failed`` of ``other_requests`` likewise.
    """
    failures = failed + other_failed
    passes = requests + other_requests - failures
    if failed <= max(0, requests - passes):
        return 1.0
    upper = failed * (failures + passes) > requests * failures
    k = failed if upper else failed - 1
    log_ways = _log_choose(failures, k) + _log_choose(passes, requests - k)
    term = exp(log_ways - _log_choose(failures + passes, requests))
    tail = 0.0
    # The term past the last possible k is 0, by its own formula.
    while term > tail * 1e-17:
        tail += term
        if upper:
            term *= (failures - k) * (requests - k) / ((k + 1) * (passes - requests + k + 1))
            k += 1
        else:
            term *= k * (passes - requests + k) / ((failures - k + 1) * (requests - k + 1))
            k -= 1
    return min(1.0, tail if upper else 1.0 - tail)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
