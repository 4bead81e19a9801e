"""The ground on which things break: one application under load, and what has to hold of it afterwards."""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.core.plugins.module_utils import ledger

from bench.generator import Plan
from bench.load import Load
from bench.outcomes import Outcome
from tests.integration.application import Application

# Answers that take a second are in flight at every cut-over, and hold up no drain for long.
PLAN = Plan(rate=50, slow=1, websockets=1, streams=1, slow_seconds=1.0, websocket_seconds=1.0, stream_seconds=1.0)
DEADLINE = 60.0


def wait_until(condition: Callable[[], bool], seconds: float = DEADLINE, what: str = "") -> float:
    """Wait for a condition; returns the seconds that it took, and fails the test when it does not come true."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, what or "the condition did not come true"
        time.sleep(0.1)
    return time.monotonic() - began


@dataclass
class Traffic:
    """The outcomes of a load, taken part by part."""

    file: Path
    _offset: int = 0

    def take(self) -> list[Outcome]:
        """Every request that has ended since the last time."""
        with self.file.open("rb") as lines:
            lines.seek(self._offset)
            content = lines.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [Outcome(**json.loads(line)) for line in whole.splitlines()]


@dataclass
class Ground:
    """One environment of an application with a load on it.

    :param build: that is live now.
    """

    app: Application
    traffic: Traffic
    builds: tuple[int, ...] = (1, 2, 3)
    build: int = 1
    _recorded: int = 0
    _began: float = 0.0

    def next(self) -> tuple[str, str]:
        """The version that is live, and one that is not live nor its standby, to be deployed."""
        old = self.build
        known = [entry["version"] for entry in self.app.ledger("staging") if entry["event"] == "deployed"]
        standby = next((version for version in reversed(known) if version != f"1.0.{old}"), "")
        after = [*self.builds[self.builds.index(old) + 1 :], *self.builds]
        self.build = next(build for build in after if f"1.0.{build}" not in (f"1.0.{old}", standby))
        self.settle()
        return f"1.0.{old}", f"1.0.{self.build}"

    def settle(self) -> None:
        """Begin anew with what is there: requests and ledger entries from now on count."""
        self._recorded = len(self.app.ledger("staging"))
        self._began = time.monotonic()
        self.traffic.take()

    def seconds_since(self) -> float:
        """Seconds since it was begun anew."""
        return time.monotonic() - self._began

    def speaks_ssh(self) -> bool:
        """Whether the machine's SSH server greets."""
        try:
            with socket.create_connection(("127.0.0.1", self.app.target.lab.ssh_port), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def ledger(self) -> list[dict[str, object]]:
        """The ledger's entries, of which each has been verified."""
        content = self.app.target.read(self.app.ledger_path("staging"))
        with tempfile.NamedTemporaryFile() as copy:
            copy.write(content)
            copy.flush()
            return ledger.read(copy.name)

    def assert_settled(self, version: str, fresh: int = 1) -> None:
        """This version serves, nothing is left over, and the ledger tells so without a break in its chain.

        :param fresh: how often it was deployed since it was begun anew.
        """
        assert self.app.answer("staging")["version"] == version
        entries = self.ledger()
        deployed = [entry for entry in entries if entry["event"] == "deployed"]
        assert deployed[-1]["version"] == version
        since = [entry["version"] for entry in entries[self._recorded :] if entry["event"] == "deployed"]
        assert since == [version] * fresh
        verified = {entry["container_run"] for entry in deployed}
        containers = self.app.containers("staging").values()
        failed = {entry["run"] for entry in entries if entry["event"] == "failed"}
        running = [it for it in containers if it["State"]["Running"]]
        assert {it["Config"]["Labels"]["io.slipway.run"] for it in containers} <= verified | failed
        assert {it["Config"]["Labels"]["io.slipway.run"] for it in running} <= verified
        assert len(running) <= 2
        left = self.app.target.run("sh", "-c", f"ls -A {self.app.home('staging')}").split()
        assert "lock.json" not in left
        assert not [name for name in left if name.endswith(".new")]


    def settle_down(self) -> None:
        """Know which build is live; where that is none of its builds, deploy the first one."""
        live = self.app.live("staging")
        known = {f"1.0.{build}": build for build in self.builds}
        if live not in known or self.app.answer("staging")["version"] != live:
            live = f"1.0.{self.builds[0]}"
            run = self.app.run("deploy", env="staging", version=live)
            assert run.code == 0, run.output
        self.build = known[live]
        self.settle()

    def fetch_all(self) -> None:
        """Deploy every build once, so that nothing is new to the target any more, and deployments take alike."""
        for _ in self.builds:
            _, version = self.next()
            run = self.app.run("deploy", env="staging", version=version)
            assert run.code == 0, run.output


@contextmanager
def under_load(app: Application, plan: Plan = PLAN) -> Iterator[Ground]:
    """Staging serves 1.0.1 under a load that lasts as long as this context."""
    app.ship("staging", 1)
    with (
        tempfile.TemporaryDirectory(prefix="slipway-faults-") as folder,
        Load(app.url("staging"), plan.rate, Path(folder), plan=plan),
    ):
        yield Ground(app, Traffic(Path(folder, "outcomes.jsonl")))
