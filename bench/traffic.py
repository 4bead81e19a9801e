"""Requests of all kinds while an environment is changed: ``python -m bench.traffic [case …]``.

Runs on the lab instance that SLIPWAY_LAB names (test), and brings up trio for cases with several hosts; prints one row
for each case, and ends with 1 when a request failed that should not have.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.__main__ import bring_up, machine, take_down
from bench.cases import Case, cases, on_several_hosts
from bench.generator import Plan
from bench.load import Load
from bench.outcomes import Expectation, Outcome, failed, judge, latency, longest_gap, wrong_versions
from bench.stage import Ended, Stage
from tests.lab import Lab
from tests.releases import version

NAME = "traffic"
BEFORE_SECONDS = 4.0
AFTER_SECONDS = 2.0
SEVERAL = "trio"
FOREVER = 1e12
HEADER = (
    f"{'case':<26} {'requests':>8} {'failed':>6} {'wrong':>6} {'slowest':>9} {'p99 during':>11} {'p99 before':>11} "
    f"{'longest gap':>12} {'took':>7}"
)


@dataclass(frozen=True)
class Row:
    """What became of the requests of one case.

    :param hosts: the outcomes of each host, judged.
    :param ended: how the verb ended.
    """

    name: str
    hosts: Sequence[list[Outcome]]
    ended: Ended

    @property
    def outcomes(self) -> list[Outcome]:
        """Those of all hosts."""
        return [outcome for outcomes in self.hosts for outcome in outcomes]

    @property
    def failed(self) -> list[Outcome]:
        """Those that failed, without answers of a version that should not have answered."""
        return [outcome for outcome in failed(self.outcomes) if outcome not in self.wrong]

    @property
    def wrong(self) -> list[Outcome]:
        """Those that a version answered which should not have."""
        return wrong_versions(self.outcomes)

    def __str__(self) -> str:
        during = latency(self.outcomes, self.ended.began, self.ended.ended)
        before = latency(self.outcomes, self.ended.began - BEFORE_SECONDS, self.ended.began)
        slowest = latency(self.outcomes).slowest
        gap = max(longest_gap(outcomes, self.ended.began, self.ended.ended) for outcomes in self.hosts)
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
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(load) for load in loads_of(stage)]
        time.sleep(BEFORE_SECONDS)
        ended = case.act(stage)
        time.sleep(AFTER_SECONDS)
    seen = (without_intended(case, ended, load.outcomes()) for load in loads)
    return Row(case.name, [judge(outcomes, expectations(case, ended)) for outcomes in seen], ended)


def loads_of(stage: Stage) -> Iterator[Load]:
    """One load on each host, which share what one host gets alone; each has at least one request of every kind."""
    number, whole = len(stage.lab.vms), Plan()
    shared = {name: max(1, getattr(whole, name) // number) for name in ("slow", "websockets", "streams")}
    for vm in stage.lab.vms:
        yield Load(stage.url(vm), whole.rate / number, plan=replace(whole, **shared))


def rows(instance: Lab, chosen: Sequence[Case]) -> Iterator[Row]:
    """Run cases on a lab instance, and print the row of each."""
    bring_up(instance)
    stage = Stage(instance, NAME, {"deploy_soak_seconds": 3, "proxy_trusted_networks": ["0.0.0.0/0"]})
    stage.forget()
    print(f"\n200 requests/s, 5 slow ones, 2 WebSockets and 1 stream at a time; {machine()}\n\n{HEADER}", flush=True)
    try:
        for case in chosen:
            row = run(stage, case)
            print(row, flush=True)
            yield row
    finally:
        stage.forget()


def main() -> int:
    """Run the cases and print their rows; returns the exit code."""
    single, several = cases(), on_several_hosts()
    known = [*single, *several]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="case", help=f"those to run: {', '.join(it.name for it in known)}")
    wanted = parser.parse_args().names
    done: list[Row] = []
    for of_one_kind in (single, several):
        chosen = [case for case in of_one_kind if not wanted or case.name in wanted]
        if not chosen:
            continue
        lab = Lab.of(SEVERAL) if of_one_kind is several else Lab.chosen()
        try:
            done += rows(lab, chosen)
        finally:
            if of_one_kind is several:
                take_down(lab)
    print(f"\nAfter: {machine()}")
    return int(any(row.failed or row.wrong for row in done))


if __name__ == "__main__":
    sys.exit(main())
