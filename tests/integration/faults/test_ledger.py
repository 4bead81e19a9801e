"""Ledgers that are damaged, or long, and fifty deployments in a row."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from bench.ledger import ENTRIES, alternate, lengthened, verified
from tests.integration.application import Application
from tests.integration.faults.ground import Ground, under_load
from tests.integration.faults.report import Aftermath, Report
from tests.integration.test_refusals import flipped

GROUP = "Ledger"
SHORT_PORT, LONG_PORT = 8092, 8093
RUNS = 3
IN_A_ROW, EARLY = 50, 10
MEMORY = (
    "for it in $(pidof dockerd containerd haproxy); do grep VmRSS /proc/$it/status; done"
    " | awk '{ all += $2 } END { print all / 1024 }'"
)
MORE_DISK_MIB, MORE_MEMORY_MIB = 20, 50


def torn(content: bytes) -> bytes:
    """A ledger whose last line was not written to its end."""
    return content[:-40]


DAMAGES = {"a torn last line": torn, "a flipped byte": flipped}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_ledger(ground: Ground, damage: str, report: Report) -> None:
    app = ground.app
    old, version = ground.next()
    whole = app.target.read(app.ledger_path("staging"))

    def restore() -> None:
        app.target.write(app.ledger_path("staging"), whole)

    try:
        app.target.write(app.ledger_path("staging"), DAMAGES[damage](whole))
        ended = app.run("deploy", env="staging", version=version)
        assert re.search(r"ledger\.jsonl line \d+: .*restore that file from a backup", ended.reason), ended.reason
    except BaseException:
        restore()
        raise
    aftermath = ground.recover(old, version, mend=restore)
    assert (aftermath.after, aftermath.failed) == (old, {})
    following = f"with the file restored, completed, {aftermath.following.seconds:.1f} s"
    report.keep(GROUP, f"{damage}: refused, with the line and what to do", aftermath, following=following)


@pytest.mark.thorough
def test_long_ledger(make: Callable[..., Application], report: Report) -> None:
    """Verbs that have nothing to do, in turn with a few entries and with 10,000, and a deployment with those."""
    short, long = make(SHORT_PORT), make(LONG_PORT)

    def both(verb: str, **variables: Any) -> tuple[float, float]:
        def timed(app: Application) -> float:
            run = app.run(verb, **variables)
            assert run.code == 0, run.output
            return run.seconds

        few, many = alternate(RUNS, lambda: timed(short), lambda: timed(long))
        return statistics.median(few), statistics.median(many)

    try:
        short.ship("staging", 1)
        with under_load(long) as ground:
            path = long.ledger_path("staging")
            # The last entry is written as every entry is.
            content = lengthened(long.target.read(path), ENTRIES - 1)
            long.target.write(path, content)
            long.append("staging", "maintenance", {"environment": "staging", "state": "off"})
            assert len(long.ledger("staging")) == ENTRIES
            ground.settle()
            status, deploy = both("status"), both("deploy", env="staging", version="1.0.1")
            aftermath = ground.recover("1.0.1", "1.0.2")
    finally:
        for app in (short, long):
            app.target.forget(app.name)
    assert aftermath.failed == {}
    told = "; ".join(
        f"{verb} {many:.1f} s, with a few entries {few:.1f} s"
        for verb, (few, many) in {"status": status, "nothing to do": deploy}.items()
    )
    following = f"completed, {aftermath.following.seconds:.1f} s; {told} (medians of {RUNS})"
    report.keep(GROUP, f"{ENTRIES:,} entries ({len(content) / 1e6:.1f} MB)", aftermath, following=following)


def reading(content: bytes) -> float:
    """Milliseconds to read and verify a ledger, median of a few times."""

    def once() -> float:
        began = time.perf_counter()
        verified(content)
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(RUNS)) * 1000


def usage(app: Application) -> dict[str, float]:
    """What the application and Docker Engine take up on the target."""
    target = app.target
    folders = target.run("du", "--summarize", "--block-size=1M", "/var/lib/docker", "/var/lib/slipway")
    return {
        "containers": len(target.containers(app.name)),
        "MiB of disk": sum(int(line.split()[0]) for line in folders.splitlines()),
        "MiB of memory": float(target.run("sh", "-c", MEMORY)),
        "ms to read the ledger": reading(target.read(app.ledger_path("staging"))),
    }


@pytest.mark.thorough
def test_fifty_deployments_in_a_row(ground: Ground, report: Report) -> None:
    """Disk, containers and memory stay as they are; how long ledger and deployments take is told."""
    aftermaths: list[Aftermath] = []
    found = {}
    for number in range(1, IN_A_ROW + 1):
        aftermaths.append(ground.recover(*ground.next()))
        assert aftermaths[-1].failed == {}
        if number in (EARLY, IN_A_ROW):
            latest = statistics.median(it.following.seconds for it in aftermaths[-RUNS:])
            found[number] = usage(ground.app) | {"s a deployment": latest}
    early, late = found[EARLY], found[IN_A_ROW]
    assert late["containers"] <= early["containers"]
    assert late["MiB of disk"] <= early["MiB of disk"] + MORE_DISK_MIB, found
    assert late["MiB of memory"] <= early["MiB of memory"] + MORE_MEMORY_MIB, found
    told = ", ".join(f"{early[what]:.3g} and {late[what]:.3g} {what}" for what in early)
    report.keep(
        GROUP,
        f"{IN_A_ROW} deployments in a row",
        *aftermaths,
        during="old and new",
        after="new",
        following=f"after {EARLY} and after {IN_A_ROW}: {told}",
    )
