"""What a long ledger costs: ``python -m bench.ledger [--runs 10]``.

Two applications on the lab instance that SLIPWAY_LAB names (test), one whose ledger has a few entries and one that has
10,000 of them, get the same verbs in turn, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import ledger

from bench.__main__ import bring_up, machine, spread
from bench.stage import Stage
from tests.integration.target import STATE, Target
from tests.lab import Lab

ENTRIES = 10_000
BUILD, NEXT = 1, 2
SHORT, LONG = "ledgershort", "ledgerlong"
PORTS = {SHORT: 8095, LONG: 8096}
HEADER = f"{'':<26} {'few entries':<28} {f'{ENTRIES:,} entries':<28} {'medians':>8}"


def verified(content: bytes) -> list[dict[str, Any]]:
    """The entries of a ledger, each of them verified."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.jsonl")
        path.write_bytes(content)
        return ledger.read(str(path))


def lengthened(content: bytes, entries: int) -> bytes:
    """A ledger with further entries up to so many, each like its last one, in an unbroken chain."""
    known = verified(content)
    last = known[-1]
    body: dict[str, Any] = {key: value for key, value in last.items() if key not in ledger.RESERVED}
    lines, prev = [content], last["hash"]
    for number in range(len(known) + 1, entries + 1):
        entry = {**body, "seq": number, "time": last["time"], "event": last["event"], "prev": prev}
        prev = hashlib.sha256(ledger.canonical(entry)).hexdigest()
        lines.append(ledger.canonical({**entry, "hash": prev}) + b"\n")
    return b"".join(lines)


def stages(lab: Lab) -> Iterator[Stage]:
    """The two applications, without anything on them."""
    for name, port in PORTS.items():
        url = f"http://{Target(lab).address}:{port}"
        stage = Stage(lab, name, {"deploy_port": port, "deploy_public_url": url, "deploy_soak_seconds": 0})
        stage.forget()
        yield stage


def there_and_back(stage: Stage) -> None:
    """Deploy one release and another one, so that the ledger's last entries are written as every entry is."""
    stage.ship(NEXT)
    stage.ship(BUILD)


def lengthen(stage: Stage) -> int:
    """Give the application a long ledger; returns the bytes that it has."""
    target, path = Target(stage.lab), f"{STATE}/{stage.name}-staging/ledger.jsonl"
    content = lengthened(target.read(path), ENTRIES)
    target.write(path, content)
    return len(content)


def alternate(rounds: int, short: Callable[[], float], long: Callable[[], float]) -> tuple[list[float], list[float]]:
    """What each of them took, in seconds, one after the other."""
    pairs = [(short(), long()) for _ in range(rounds)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def cases(rounds: int, short: Stage, long: Stage) -> Iterator[tuple[str, list[float], list[float]]]:
    """Each verb with how long it took on both."""

    def timed(stage: Stage, verb: str, **variables: Any) -> float:
        ended = stage.run(verb, True, **variables)
        return ended.ended - ended.began

    def both(verb: str, **variables: Any) -> tuple[list[float], list[float]]:
        return alternate(rounds, lambda: timed(short, verb, **variables), lambda: timed(long, verb, **variables))

    def upgrade(stage: Stage) -> float:
        stage.ship(BUILD)
        return timed(stage, "deploy", version=f"1.0.{NEXT}")

    yield "status", *both("status")
    yield "deploy, nothing changed", *both("deploy", version=f"1.0.{BUILD}")
    yield "deploy, upgrade", *alternate(rounds, lambda: upgrade(short), lambda: upgrade(long))


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="runs of each, at least 1 (default 10)")
    rounds = max(1, parser.parse_args().runs)
    lab = Lab.chosen()
    bring_up(lab)
    short, long = stages(lab)
    try:
        for stage in (short, long):
            there_and_back(stage)
        size = lengthen(long)
        there_and_back(long)
        print(f"\n{rounds} runs each, in turn; the long ledger has {size / 1e6:.1f} MB. Before: {machine()}")
        print(f"\n{HEADER}", flush=True)
        for name, few, many in cases(rounds, short, long):
            ratio = statistics.median(many) / statistics.median(few) - 1
            print(f"{name:<26} {spread(few):<28} {spread(many):<28} {ratio:>+7.1%}", flush=True)
    finally:
        for stage in (short, long):
            stage.forget()
    print(f"\nAfter:  {machine()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
