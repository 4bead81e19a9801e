"""What became of each fault, kept as one JSON file a row: ``tools.reliability`` makes docs/RELIABILITY.md of them."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from bench.outcomes import Outcome, failed, longest_gap
from tests.integration.verbs import Run
from tests.lab import ROOT

ROWS = ROOT / ".cache" / "faults"


@dataclass(frozen=True)
class Aftermath:
    """What served during a fault and after it, and what the next command did.

    :param old: the version that was live before the fault.
    :param new: the version that the commands are to bring; the same where nothing is to change.
    :param during: the requests from the fault until the next command.
    :param after: the version that answered when the fault was over, before that command.
    :param following: how that command ended.
    :param later: the requests that ended since then.
    """

    old: str
    new: str
    during: list[Outcome]
    after: str
    following: Run
    later: list[Outcome]

    @property
    def requests(self) -> list[Outcome]:
        """Those of the whole time."""
        return [*self.during, *self.later]

    @property
    def failed(self) -> dict[str, int]:
        """How many of them failed, by why."""
        return troubles(self.requests)


def troubles(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many requests failed, by why."""
    return dict(Counter(outcome.trouble for outcome in failed(outcomes)))


def answered(outcomes: Iterable[Outcome]) -> set[str]:
    """The versions that answered a request well."""
    return {outcome.version for outcome in outcomes if outcome.version and not outcome.trouble}


def named(aftermath: Aftermath, versions: Iterable[str]) -> set[str]:
    """What these versions are, for people: the release where nothing is to change, otherwise old, new or another."""
    names = {"": "nobody", aftermath.new: "new"}
    names[aftermath.old] = "old" if aftermath.old != aftermath.new else "the release"
    return {names.get(version, "another") for version in versions}


def joined(names: Iterable[set[str]], word: str) -> str:
    """All these names, each once."""
    found = set().union(*names)
    return f" {word} ".join(name for name in ("the release", "old", "new", "another", "nobody") if name in found)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    :param group: the table that it belongs to.
    :param fault: what is broken, and when.
    :param during: who answered while it lasted.
    :param after: who answers when it is over, before anything is run.
    :param following: what the next plain verb did.
    :param requests: that were sent from the fault until the next verb had ended.
    :param failed: of those, by why they failed.
    :param test: the test that makes it happen, as pytest names it.
    :param options: of ``make test-faults`` beside its name, each after a space.
    """

    group: str
    fault: str
    during: str
    after: str
    following: str
    requests: int
    failed: dict[str, int]
    test: str
    options: str = ""

    def keep(self) -> None:
        """Write it, in place of an earlier one of the same test and fault."""
        ROWS.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(f"{self.test} {self.fault}".encode()).hexdigest()[:16]
        (ROWS / f"{name}.json").write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


@dataclass(frozen=True)
class Report:
    """Where a test keeps its rows.

    :param test: its name.
    """

    test: str

    def keep(self, group: str, fault: str, *aftermaths: Aftermath, options: str = "", **words: str) -> None:
        """Keep a row of one fault, or of one that happened several times.

        :param words: ``during``, ``after`` or ``following``, where there is more to say than what follows from these.
        """
        seconds = statistics.median(it.following.seconds for it in aftermaths)
        verdict = "completed" if any(it.following.changed for it in aftermaths) else "nothing to do"
        failures: Counter[str] = Counter()
        for aftermath in aftermaths:
            failures.update(aftermath.failed)
        told = {
            "during": joined((named(it, answered(it.during) or {""}) for it in aftermaths), "and"),
            "after": joined((named(it, {it.after}) for it in aftermaths), "or"),
            "following": f"{verdict}, {seconds:.1f} s",
        }
        requests = sum(len(it.requests) for it in aftermaths)
        if failures:
            gap = max(longest_gap(it.requests) for it in aftermaths)
            told["during"] += f", longest gap {gap:.1f} s"
        told |= words
        Row(group, fault, **told, requests=requests, failed=dict(failures), test=self.test, options=options).keep()
