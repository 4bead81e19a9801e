"""What became of each fault, kept as one JSON file a row: ``tools.reliability`` makes docs/RELIABILITY.md of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from bench.outcomes import Outcome, failed
from tests.lab import ROOT

ROWS = ROOT / ".cache" / "faults"


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


def answered(outcomes: Iterable[Outcome]) -> str:
    """Who answered, for people."""
    versions = sorted({outcome.version for outcome in outcomes if outcome.version and not outcome.trouble})
    return " and ".join(versions) or "nobody"


def troubles(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many requests failed, by why."""
    return dict(Counter(outcome.trouble for outcome in failed(outcomes)))
