"""What became of the requests of a load, and what that says: pure functions over outcomes."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

KEEPALIVE, CONNECTION, SLOW, WEBSOCKET, STREAM = "keepalive", "connection", "slow", "websocket", "stream"
FAST = frozenset({KEEPALIVE, CONNECTION})


@dataclass(frozen=True)
class Outcome:
    """One request, or one WebSocket from its opening to its close.

    :param sent: when it was sent, in seconds since the epoch.
    :param seconds: how long it took until it was over.
    :param kind: ``keepalive``, ``connection`` (its own), ``slow``, ``websocket`` or ``stream``.
    :param version: who answered; empty when nobody said so. A WebSocket or stream that was cut has one too.
    :param trouble: why it failed: ``refused``, ``reset`` (no answer, or no close of a WebSocket), ``timeout``,
        ``status 503``, ``truncated``, ``no version``, ``garbled``, ``echo`` (of another text), ``closed 1001``,
        ``version 1.0.3`` (not among the allowed, see :func:`judge`) or an error like ``EMFILE``; empty if it did not.
    """

    sent: float
    seconds: float
    kind: str
    version: str
    trouble: str

    @property
    def done(self) -> float:
        """When it was over, in seconds since the epoch."""
        return self.sent + self.seconds

    def line(self) -> str:
        """This outcome as a line of JSON."""
        return json.dumps(asdict(self)) + "\n"


class Expectation(NamedTuple):
    """Which versions may answer from ``since`` to ``until``, both in seconds since the epoch."""

    since: float
    until: float
    versions: Set[str]


def read(file: Path) -> list[Outcome]:
    """The outcomes in a file, in the order in which they ended; a line that is being written does not count."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [Outcome(**json.loads(line)) for line in lines if line.endswith("\n")]


def judge(
    outcomes: Iterable[Outcome], allowed: Set[str] | Sequence[Expectation], *, ws_may_close: bool = False
) -> list[Outcome]:
    """The outcomes, with the trouble ``version …`` where the answer came from a version that was not allowed.

    :param allowed: versions that may answer at any time, and every one when it is empty; or expectations, of which
        one must allow the version at some time between sending and end. What no expectation covers is not allowed.
    :param ws_may_close: an open WebSocket that the server closes or resets has not failed.
    """
    judged = []
    for outcome in outcomes:
        cut = outcome.trouble == "reset" or outcome.trouble.startswith("closed ")
        if ws_may_close and cut and outcome.kind == WEBSOCKET and outcome.version:
            outcome = replace(outcome, trouble="")
        if not outcome.trouble and not _allowed(outcome, allowed):
            outcome = replace(outcome, trouble=f"version {outcome.version}")
        judged.append(outcome)
    return judged


def _allowed(outcome: Outcome, allowed: Set[str] | Sequence[Expectation]) -> bool:
    if isinstance(allowed, Set):
        return not allowed or outcome.version in allowed
    return any(
        outcome.version in versions and outcome.sent <= until and since <= outcome.done
        for since, until, versions in allowed
    )


def within(outcomes: Iterable[Outcome], since: float = -math.inf, until: float = math.inf) -> list[Outcome]:
    """Those that were sent from ``since`` until before ``until``, both in seconds since the epoch."""
    return [outcome for outcome in outcomes if since <= outcome.sent < until]


def fast(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those of requests that are answered at once: the steady pace."""
    return [outcome for outcome in outcomes if outcome.kind in FAST]


def failed(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that failed."""
    return [outcome for outcome in outcomes if outcome.trouble]


@dataclass(frozen=True)
class Latency:
    """How long good answers to fast requests took, in seconds; all 0 when there were none."""

    p50: float
    p99: float
    slowest: float

    def __str__(self) -> str:
        return f"p50 {self.p50 * 1000:.1f} ms, p99 {self.p99 * 1000:.1f} ms, slowest {self.slowest * 1000:.1f} ms"


def latency(outcomes: Iterable[Outcome], since: float = -math.inf, until: float = math.inf) -> Latency:
    """Of the requests that were sent from ``since`` until before ``until``."""
    taken = sorted(outcome.seconds for outcome in fast(within(outcomes, since, until)) if not outcome.trouble)

    def percentile(percent: float) -> float:
        return taken[max(0, math.ceil(len(taken) * percent / 100) - 1)] if taken else 0.0

    return Latency(percentile(50), percentile(99), percentile(100))


def longest_gap(outcomes: Iterable[Outcome], since: float = -math.inf, until: float = math.inf) -> float:
    """The longest time in seconds without a good answer to a fast request.

    It may be at the beginning or at the end: the time that counts is from the first sending to the last end of a fast
    request, so far as it is between ``since`` and ``until``.
    """
    asked = fast(outcomes)
    if not asked:
        return 0.0
    since = max(since, min(outcome.sent for outcome in asked))
    until = min(until, max(outcome.done for outcome in asked))
    good = sorted(outcome.done for outcome in asked if not outcome.trouble and since < outcome.done < until)
    return max(0.0, *(later - earlier for earlier, later in pairwise([since, *good, until])))


def longest_pause(outcomes: Iterable[Outcome]) -> float:
    """The longest time in seconds between two fast requests: more than their pace tells that the load fell behind."""
    return max((later - earlier for earlier, later in pairwise(sorted(o.sent for o in fast(outcomes)))), default=0.0)


def wrong_versions(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those of judged outcomes that a version answered which was not allowed."""
    return [outcome for outcome in outcomes if outcome.trouble.startswith("version ")]


def summary(outcomes: Sequence[Outcome]) -> str:
    """One line: requests, failures by trouble and kind, latency, longest gap and pause, who answered."""
    troubles = Counter(f"{outcome.trouble}: {outcome.kind}" for outcome in failed(outcomes))
    versions = Counter(outcome.version for outcome in outcomes if outcome.version)
    kinds = Counter(outcome.kind for outcome in outcomes)
    return (
        f"{len(outcomes)} requests{_counted(kinds, ' ({})')}, {troubles.total()} failed{_counted(troubles, ' ({})')}; "
        f"{latency(outcomes)}; longest gap without a good answer {longest_gap(outcomes):.2f} s, "
        f"without a request {longest_pause(outcomes):.2f} s; "
        f"answered by {', '.join(f'{name} ({count})' for name, count in sorted(versions.items())) or 'nobody'}"
    )


def _counted(counter: Counter[str], form: str) -> str:
    return form.format(", ".join(f"{count} {name}" for name, count in sorted(counter.items()))) if counter else ""
