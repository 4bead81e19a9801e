"""Requests of all kinds while an environment is changed: ``python -m bench.traffic [case …]``.

Runs on the lab instance that SLIPWAY_LAB names (test), prints one row for each case, and ends with 1 when a request
failed that should not have.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace

from bench.__main__ import bring_up, machine
from bench.cases import Case, cases
from bench.load import Load
from bench.outcomes import Expectation, Outcome, failed, judge, latency, longest_gap
from bench.stage import Ended, Stage
from tests.lab import Lab
from tests.releases import version

NAME = "traffic"
BEFORE_SECONDS = 4.0
AFTER_SECONDS = 2.0
FOREVER = 1e12
HEADER = (
    f"{'case':<26} {'requests':>8} {'failed':>6} {'wrong':>6} {'slowest':>9} {'p99 during':>11} {'p99 before':>11} "
    f"{'longest gap':>12} {'took':>7}"
)


@dataclass(frozen=True)
class Row:
    """What became of the requests of one case.

    :param outcomes: judged.
    :param ended: how the verb ended.
    """

    name: str
    outcomes: list[Outcome]
    ended: Ended

    @property
    def failed(self) -> list[Outcome]:
        """Those that failed, without answers of a version that should not have answered."""
        return [outcome for outcome in failed(self.outcomes) if not outcome.trouble.startswith("version ")]

    @property
    def wrong(self) -> list[Outcome]:
        """Those that a version answered which should not have."""
        return [outcome for outcome in failed(self.outcomes) if outcome.trouble.startswith("version ")]

    def __str__(self) -> str:
        during = latency(self.outcomes, self.ended.began, self.ended.ended)
        before = latency(self.outcomes, self.ended.began - BEFORE_SECONDS, self.ended.began)
        slowest = latency(self.outcomes).slowest
        gap = longest_gap(self.outcomes, self.ended.began, self.ended.ended)
        line = (
            f"{self.name:<26} {len(self.outcomes):>8} {len(self.failed):>6} {len(self.wrong):>6} "
            f"{slowest * 1000:>6.0f} ms {during.p99 * 1000:>8.1f} ms {before.p99 * 1000:>8.1f} ms "
            f"{gap * 1000:>9.0f} ms {self.ended.ended - self.ended.began:>5.1f} s"
        )
        kinds = Counter(f"{outcome.kind}: {outcome.trouble}" for outcome in failed(self.outcomes))
        return "\n".join([line, *(f"    {count} {kind}" for kind, count in kinds.most_common())])


def expectations(case: Case, ended: Ended) -> list[Expectation]:
    """Which versions may answer when: those before, all while the verb runs, those after."""

    def versions(*builds: int) -> set[str]:
        return {version(number) for number in builds}

    return [
        Expectation(0, ended.began, versions(*case.before)),
        Expectation(ended.began, ended.ended, versions(*case.before, *case.after, *case.meanwhile)),
        Expectation(ended.ended, FOREVER, versions(*case.after)),
    ]


def without_intended(case: Case, ended: Ended, outcomes: list[Outcome]) -> list[Outcome]:
    """Answers that the case is about, such as those of the maintenance page while it is on, are no failures."""
    return [
        replace(outcome, trouble="", version=version(case.before[0]))
        if outcome.trouble in case.intended and ended.began <= outcome.done and outcome.sent <= ended.ended
        else outcome
        for outcome in outcomes
    ]


def run(stage: Stage, case: Case) -> Row:
    """Arrange the case's state, and do what it is about under load."""
    case.arrange(stage)
    with Load(stage.url()) as load:
        time.sleep(BEFORE_SECONDS)
        ended = case.act(stage)
        time.sleep(AFTER_SECONDS)
    outcomes = without_intended(case, ended, load.outcomes())
    return Row(case.name, judge(outcomes, expectations(case, ended)), ended)


def main() -> int:
    """Run the cases and print their rows; returns the exit code."""
    known = cases()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="case", help=f"those to run: {', '.join(it.name for it in known)}")
    wanted = parser.parse_args().names
    chosen = [case for case in known if not wanted or case.name in wanted]
    lab = Lab.chosen()
    bring_up(lab)
    stage = Stage(lab, NAME, {"deploy_soak_seconds": 3})
    stage.forget()
    print(f"\n200 requests/s, 5 slow ones, 2 WebSockets and 1 stream at a time; {machine()}\n\n{HEADER}", flush=True)
    rows = []
    try:
        for case in chosen:
            rows.append(run(stage, case))
            print(rows[-1], flush=True)
    finally:
        stage.forget()
    print(f"\nAfter: {machine()}")
    return int(any(row.failed or row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
