"""Ledgers that are damaged, or long, and fifty deployments in a row."""

from __future__ import annotations

import hashlib
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import ledger

from tests.integration.application import Application
from tests.integration.faults.ground import Ground, under_load
from tests.integration.faults.report import Row, answered, troubles
from tests.integration.test_refusals import flipped

PORT = 8092
ENTRIES = 10_000
RUNS = 3
IN_A_ROW = 50
MEMORY = (
    "for it in $(pidof dockerd containerd haproxy); do grep VmRSS /proc/$it/status; done"
    " | awk '{ all += $2 } END { print all / 1024 }'"
)


def torn(content: bytes) -> bytes:
    """A ledger whose last line was not written to its end."""
    return content[:-40]


DAMAGES = {"a torn last line": torn, "a flipped byte": flipped}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_ledger(ground: Ground, damage: str, request: pytest.FixtureRequest) -> None:
    app = ground.app
    _, version = ground.next()
    with app.ledger_restored("staging") as before:
        app.target.write(app.ledger_path("staging"), DAMAGES[damage](before))
        ended = app.run("deploy", env="staging", version=version)
        after = app.answer("staging")["version"]
    assert re.search(r"ledger\.jsonl line \d+: .*restore that file from a backup", ended.reason), ended.reason
    during = ground.traffic.take()
    following = app.run("deploy", env="staging", version=version)
    assert following.code == 0, following.output
    ground.assert_settled(version)
    everything = [*during, *ground.traffic.take()]
    assert troubles(everything) == {}
    Row(
        group="Ledger",
        fault=f"{damage}: refused, with the line and what to do",
        during=answered(during),
        after=after,
        following=f"with the file restored, completed, {following.seconds:.1f} s",
        requests=len(everything),
        failed={},
        test=request.node.nodeid,
    ).keep()


@pytest.fixture(scope="module")
def quiet(make: Callable[..., Application]) -> Iterator[Application]:
    """An application of its own, whose staging serves 1.0.1."""
    app = make(PORT)
    app.ship("staging", 1)
    yield app
    app.target.forget(app.name)


def lengthened(content: bytes, entries: int) -> bytes:
    """A ledger with so many entries more before its last line, each as long as a real one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.jsonl")
        path.write_bytes(content)
        known = ledger.read(str(path))
    *_, last = known
    body: dict[str, Any] = {key: value for key, value in last.items() if key not in ledger.RESERVED}
    lines, prev = [content], last["hash"]
    for number in range(len(known) + 1, entries + 1):
        entry = {**body, "event": "deployed", "seq": number, "time": last["time"], "prev": prev}
        prev = hashlib.sha256(ledger.canonical(entry)).hexdigest()
        lines.append(ledger.canonical({**entry, "hash": prev}) + b"\n")
    return b"".join(lines)


@pytest.mark.thorough
def test_long_ledger(quiet: Application, request: pytest.FixtureRequest) -> None:
    """Status, and a deployment that has nothing to do, with a ledger of 10,000 entries beside one of a few."""

    def seconds(verb: str, **variables: Any) -> list[float]:
        taken = []
        for _ in range(RUNS):
            run = quiet.run(verb, **variables)
            assert run.code == 0, run.output
            taken.append(run.seconds)
        return taken

    def measure() -> dict[str, float]:
        return {
            "status": statistics.median(seconds("status")),
            "deploy": statistics.median(seconds("deploy", env="staging", version="1.0.1")),
        }

    short = measure()
    content = lengthened(quiet.target.read(quiet.ledger_path("staging")), ENTRIES - 1)
    quiet.target.write(quiet.ledger_path("staging"), content)
    # The next entry is written as every entry is.
    quiet.append("staging", "maintenance", {"environment": "staging", "state": "off"})
    long = measure()
    told = ", ".join(f"{verb} {short[verb]:.2f} s before and {long[verb]:.2f} s now" for verb in short)
    Row(
        group="Ledger",
        fault=f"{ENTRIES} entries ({len(content) / 1e6:.1f} MB)",
        during="1.0.1",
        after="1.0.1",
        following=f"{told} (medians of {RUNS})",
        requests=0,
        failed={},
        test=request.node.nodeid,
    ).keep()
    assert len(quiet.ledger("staging")) == ENTRIES


@pytest.mark.thorough
def test_fifty_deployments_in_a_row(make: Callable[..., Application], request: pytest.FixtureRequest) -> None:
    """Disk, containers, memory and the time for the ledger stay as they are."""
    app = make(8093, deploy_warm_standby=0)
    usage = []

    def use() -> dict[str, float]:
        target = app.target
        folders = target.run("du", "--summarize", "--block-size=1M", "/var/lib/docker", "/var/lib/slipway")
        memory = target.run("sh", "-c", MEMORY)
        began = time.monotonic()
        target.run("wc", "--lines", app.ledger_path("staging"))
        return {
            "disk": sum(int(line.split()[0]) for line in folders.splitlines()),
            "memory": float(memory),
            "containers": len(target.containers(app.name)),
            "ledger": time.monotonic() - began,
        }

    try:
        with under_load(app) as ground:
            ground.builds = (1, 2, 3, 4, 5)
            for number in range(IN_A_ROW):
                _, version = ground.next()
                run = app.run("deploy", env="staging", version=version)
                assert run.code == 0, run.output
                ground.assert_settled(version)
                if number in (IN_A_ROW // 5, IN_A_ROW - 1):
                    usage.append(use() | {"seconds": run.seconds})
                    assert troubles(ground.traffic.take()) == {}
    finally:
        app.target.forget(app.name)
    early, late = usage
    assert late["containers"] <= early["containers"]
    assert late["disk"] <= early["disk"] + 20, usage
    told = ", ".join(f"{name} {early[name]:.0f} and {late[name]:.0f}" for name in ("containers", "disk", "memory"))
    Row(
        group="Ledger",
        fault=f"{IN_A_ROW} deployments in a row",
        during="old and new release",
        after="the newest",
        following=f"after {IN_A_ROW // 5} and after {IN_A_ROW}: {told} (MiB)",
        requests=0,
        failed={},
        test=request.node.nodeid,
    ).keep()
