"""Whether a new release that gets real traffic fails more often, or answers more slowly, than the old one.

**Failures.** Is the candidate's share of failed requests higher than the live release's? Fisher's exact test
(``fisher.py``) holds for a handful of requests as for millions, and needs no rate that is "normal": while both fail
alike, nobody is convicted.

**Many looks.** The verdict is asked for each second, and a test at level alpha that is repeated until it convicts
convicts everybody in the end. So look ``k`` gets only ``alpha / (k (k + 1))``, which adds up to alpha over however many
looks: the union bound (Bonferroni), with alpha spent over time as by Lan and DeMets, Discrete sequential boundaries for
clinical trials, Biometrika 70 (1983). The chance to convict a release that is as good as the other is below alpha in
all. The price is small: at the 300th look a conviction takes a few more failures than at the first.

**Significant is not bad.** A million requests make a difference of 0.02 % significant; so the increase must also exceed
``tolerance``. And whatever chance says, ``min_failures`` guards against convicting for one request.

**Latency.** There is no variance, so there is no test and no level of significance, only a rule: the candidate's time,
that of a typical client address, exceeds both ``latency_factor`` times the other's and that plus ``latency_floor_ms``,
in ``latency_looks`` looks in a row that each saw new requests. It does not notice slow outliers, nor timeouts (those
are failures), nor whether the candidate got the costlier requests. Looks share most of their requests, so that "in a
row" guards against a hiccup, not against chance. So it warns, and convicts only where ``latency`` says so.

**One client** decides nothing: where the addresses are known (``crowd.py``), a release is convicted only for what holds
whichever one address is left out. Where nearly all requests come from one address, there is too little evidence.

**What is assumed.** Requests fail independently, and who gets one does not depend on it. A share of traffic that is
changed while the rate of failures changes too can mislead the test.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import fisher
from ansible_collections.slipway.core.plugins.module_utils.crowd import Crowd, Sample


class Outcome(Enum):
    """What follows: look again, go on, go back, or let a person decide."""

    WAIT = "wait"
    GOOD = "good"
    BAD = "bad"
    PAUSE = "pause"


# How the reason begins when a deadline decided, and not the requests.
UNDECIDED = "it is undecided after"
WARN, CONVICT = "warn", "convict"
ON_TOO_FEW = {"promote": Outcome.GOOD, "abort": Outcome.BAD, "pause": Outcome.PAUSE}


@dataclass(frozen=True)
class Policy:
    """When to convict, and when to stop looking.

    :param min_requests: of each release, before the candidate can be good (it can be bad before).
    :param tolerance: how much larger the candidate's share of failures may be, absolute: 0.01 is a percentage point.
    :param alpha: the chance, over all looks, to convict a candidate that fails no more often than the other.
    :param min_failures: of the candidate, before it can be convicted for them.
    :param min_seconds: before the candidate can be good, however busy it was.
    :param deadline: seconds until ``on_too_few`` decides; of a soak, its length.
    :param on_too_few: what an undecided candidate gets at the deadline: ``promote``, ``abort`` or ``pause``.
    :param latency_factor: how many times as long as live's average the candidate's may be.
    :param latency_floor_ms: milliseconds by which it must exceed live's at least.
    :param latency_looks: looks in a row with new requests that make a candidate slow; 0 passes over latency.
    :param latency: whether a slow candidate is convicted (``convict``) or only told of (``warn``).
    :raises ValueError: a value makes no sense.
    """

    min_requests: int = 100
    tolerance: float = 0.01
    alpha: float = 0.01
    min_failures: int = 3
    min_seconds: float = 0.0
    deadline: float = 300.0
    on_too_few: str = "pause"
    latency_factor: float = 2.0
    latency_floor_ms: float = 50.0
    latency_looks: int = 5
    latency: str = WARN

    def __post_init__(self) -> None:
        sound = {
            "min_requests": self.min_requests >= 1,
            "tolerance": 0 <= self.tolerance < 1,
            "alpha": 0 < self.alpha < 1,
            "min_failures": self.min_failures >= 1,
            "deadline": 0 < self.deadline < float("inf"),
            "min_seconds": 0 <= self.min_seconds <= self.deadline,
            "on_too_few": self.on_too_few in ON_TOO_FEW,
            "latency_factor": self.latency_factor >= 1,
            "latency_floor_ms": self.latency_floor_ms >= 0,
            "latency_looks": self.latency_looks >= 0,
            "latency": self.latency in (WARN, CONVICT),
        }
        for name, good in sound.items():
            if not good:
                raise ValueError(f"{name} of a verdict's policy cannot be {getattr(self, name)!r}")


@dataclass(frozen=True)
class Looks:
    """What later looks must know of earlier ones: how many there were, the requests seen, and slow ones in a row."""

    number: int = 0
    seen: tuple[int, int] = (0, 0)
    slow: int = 0


FIRST = Looks()


@dataclass(frozen=True)
class Verdict:
    """The answer: ``reason`` is one clause for people, ``evidence`` is for the ledger, ``looks`` for the next look.

    ``warning`` is a clause on what speaks against the candidate and does not convict it; empty for nothing.
    """

    outcome: Outcome
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)
    looks: Looks = FIRST
    warning: str = ""


def threshold(alpha: float, look: int) -> float:
    """The level of this look, counted from 1; over all looks these add up to alpha (see the module's text)."""
    return alpha / (look * (look + 1))


def p_value(candidate: Sample, live: Sample, policy: Policy) -> float:
    """The chance of what was seen, if the candidate is as good as the live release.

    Where that had no requests, it counts as one that failed as often as is tolerated, in a thousand requests.
    """
    other = live if live.requests else Sample(1000, round(1000 * policy.tolerance))
    return fisher.upper_tail(candidate.failures, candidate.requests, other.failures, other.requests)


def fails_more(candidate: Sample, live: Sample, policy: Policy, look: int) -> bool:
    """Whether the candidate fails more often, beyond tolerance and chance."""
    if candidate.failures < policy.min_failures or candidate.share - live.share <= policy.tolerance:
        return False
    return p_value(candidate, live, policy) < threshold(policy.alpha, look)


def _is_slow(candidate: Sample, live: Sample, policy: Policy) -> bool:
    # Without any answer the average says nothing; it is 0 then, and everything is slow beside 0.
    if live.failures == live.requests:
        return False
    limit = max(live.response_ms * policy.latency_factor, live.response_ms + policy.latency_floor_ms)
    return policy.latency_looks > 0 and candidate.response_ms > limit


def _next(candidate: Sample, live: Sample, policy: Policy, looks: Looks, concurrent: bool) -> Looks:
    fresh, fresh_live = candidate.requests != looks.seen[0], live.requests != looks.seen[1]
    if not (fresh or fresh_live):
        return looks
    counts = fresh and (fresh_live or not concurrent)
    in_a_row = looks.slow + counts if _is_slow(candidate, live, policy) else 0
    return Looks(looks.number + 1, (candidate.requests, live.requests), in_a_row)


@dataclass(frozen=True)
class _Charges:
    """What speaks against the candidate, each a clause or empty: what convicts it, and what does not."""

    against: str = ""
    failures: str = ""
    latency: str = ""

    @property
    def warning(self) -> str:
        return "; ".join(filter(None, (self.failures, self.latency)))


def _charges(
    candidate: Sample, live: Sample, policy: Policy, looks: Looks, other: str, crowd: Crowd | None
) -> _Charges:
    def worse(one: Sample, two: Sample) -> bool:
        return fails_more(one, two, policy, looks.number)

    total = worse(candidate, live)
    failing = f"it fails more often than {other}: {_failed(candidate)} against {_failed(live)}"
    if crowd.convicts(worse) if crowd else total:
        return _Charges(failing)
    failures = f"{failing}, but for too few client addresses to hold that against it" if total else ""
    if not 0 < policy.latency_looks <= looks.slow or candidate.requests < policy.min_requests:
        return _Charges(failures=failures)
    slow = (
        f"it answers more slowly than {other}: in {candidate.response_ms:.0f} ms against "
        f"{live.response_ms:.0f} ms, in {looks.slow} looks in a row"
    )
    convicts = policy.latency == CONVICT and (crowd is None or crowd.paces() is not None)
    return _Charges(slow, failures) if convicts else _Charges(failures=failures, latency=slow)


def _paced(candidate: Sample, live: Sample, crowd: Crowd | None) -> tuple[Sample, Sample]:
    """Both with the times of a typical address, where enough addresses are known."""
    paces = crowd.paces() if crowd else None
    if not paces:
        return candidate, live
    return replace(candidate, response_ms=paces[0]), replace(live, response_ms=paces[1])


def _failed(sample: Sample) -> str:
    return f"{sample.failures} of {sample.requests} requests failed ({sample.share:.1%})"


def _evidence(
    candidate: Sample, live: Sample, policy: Policy, waited: float, looks: Looks, crowd: Crowd | None
) -> dict[str, Any]:
    return {
        "candidate": {**asdict(candidate), "share": round(candidate.share, 6)},
        "live": {**asdict(live), "share": round(live.share, 6)},
        "p_value": float(f"{p_value(candidate, live, policy):.3g}"),
        "threshold": float(f"{threshold(policy.alpha, max(1, looks.number)):.3g}"),
        "look": looks.number,
        "slow_looks": looks.slow,
        "seconds": round(waited, 1),
        **({"addresses": {"candidate": len(crowd.candidate), "live": len(crowd.live)}} if crowd else {}),
    }


def judge(
    candidate: Sample, live: Sample, policy: Policy, waited: float, looks: Looks = FIRST, crowd: Crowd | None = None
) -> Verdict:
    """The verdict on a candidate that shares the traffic with the live release.

    :param candidate: what it did since it got traffic.
    :param live: what the live release did in the same interval.
    :param waited: seconds of that interval.
    :param looks: the ``looks`` of the verdict before this one.
    :param crowd: the same by client address; without it each request counts as another client's.
    """
    candidate, live = _paced(candidate, live, crowd)
    looks = _next(candidate, live, policy, looks, concurrent=True)
    counts = f"{_failed(candidate)}, of the live release {_failed(live)}"
    charges = _charges(candidate, live, policy, looks, "the live release", crowd)
    enough = min(candidate.requests, live.requests) >= policy.min_requests and waited >= policy.min_seconds
    if charges.failures and crowd:
        # What one address has brought about is passed over where the others have shown enough.
        enough = enough and crowd.others() >= policy.min_requests
    if policy.latency == CONVICT:
        enough = enough and not looks.slow
    if charges.against:
        outcome, reason = Outcome.BAD, charges.against
    elif enough:
        outcome, reason = Outcome.GOOD, f"nothing speaks against it: {counts}"
    elif waited >= policy.deadline:
        outcome, reason = ON_TOO_FEW[policy.on_too_few], f"{UNDECIDED} {waited:.0f} s: {counts}"
    else:
        outcome, reason = Outcome.WAIT, f"it is undecided yet: {counts}"
    if charges.warning and outcome in (Outcome.GOOD, Outcome.PAUSE):
        reason = f"it may go on: {counts}"
    evidence = _evidence(candidate, live, policy, waited, looks, crowd)
    return Verdict(outcome, reason, evidence, looks, charges.warning)


def suspect(
    sample: Sample, baseline: Sample, policy: Policy, looks: Looks = FIRST, crowd: Crowd | None = None
) -> Verdict:
    """Whether a release that has all the traffic does worse than the one before it did: BAD or WAIT.

    The two are not concurrent, and whatever else has changed, the hour or a database, would be blamed on the release.
    So this convicts nobody: it says that the two have to be compared over the same time.

    :param sample: what it did since the cut-over.
    :param baseline: what the release before did until then; empty when there was none.
    :param looks: the ``looks`` of the verdict before this one.
    :param crowd: the same by client address.
    """
    sample, baseline = _paced(sample, baseline, crowd)
    looks = _next(sample, baseline, policy, looks, concurrent=False)
    charges = _charges(sample, baseline, policy, looks, "the release before", crowd)
    outcome = Outcome.BAD if charges.against else Outcome.WAIT
    return Verdict(outcome, charges.against, {}, looks, charges.warning)
