"""The ground on which things break: one application under load, and what has to hold of it afterwards."""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.generator import Plan
from bench.ledger import verified
from bench.load import Load
from bench.outcomes import Outcome
from tests.integration.application import Application
from tests.integration.faults.report import Aftermath

# Answers that take a second are in flight at every cut-over, and hold up no drain for long.
PLAN = Plan(rate=30, slow=1, websockets=1, streams=1, slow_seconds=1.0, websocket_seconds=1.0, stream_seconds=1.0)
DEADLINE = 60.0
RESTART_SECONDS = 15.0


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

    :param versions: good releases, at least three, so that one is neither live nor the standby.
    """

    app: Application
    traffic: Traffic
    versions: tuple[str, ...] = ("1.0.1", "1.0.2", "1.0.3")
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _began: float = 0.0

    @property
    def live(self) -> str:
        """The version that is live by the ledger."""
        return self.app.live("staging")

    def next(self, version: str = "") -> tuple[str, str]:
        """The version that is live, and one to deploy: this one, or one that is neither live nor the standby."""
        self.settle()
        known = [entry["version"] for entry in self._entries if entry["event"] == "deployed"]
        old = known[-1]
        standby = next((it for it in reversed(known) if it != old), "")
        place = self.versions.index(old) + 1 if old in self.versions else 0
        circle = [*self.versions[place:], *self.versions[:place]]
        return old, version or next(it for it in circle if it not in (old, standby))

    def recover(
        self,
        old: str,
        version: str,
        verb: str = "deploy",
        *,
        mend: Callable[[], object] = lambda: None,
        fresh: int = 1,
        meanwhile: str = "",
        **variables: Any,
    ) -> Aftermath:
        """Look who serves; then mend it and run the command, which has to complete and leave nothing behind.

        :param mend: ends the fault, where that has not ended by itself.
        :param fresh: how often the version was deployed since the ground was begun anew.
        :param meanwhile: a third version that may have answered.
        :param variables: of the command.
        """
        after = self.serving()
        during = self.traffic.take()
        assert after in (old, version)
        mend()
        following = self.app.run(verb, env="staging", version=version, **variables)
        assert following.code == 0, following.output
        self.assert_settled(version, fresh)
        aftermath = Aftermath(old, version, during, after, following, self.traffic.take())
        assert {it.version for it in aftermath.requests} <= {old, version, meanwhile, ""}
        return aftermath

    def serving(self) -> str:
        """The version that answers, as soon as one does: what a restart interrupts has to come back of itself."""
        answers: list[str] = []

        def answered() -> bool:
            answers.append(self.app.answer("staging")["version"])
            return bool(answers[-1])

        wait_until(answered, RESTART_SECONDS, "nobody serves")
        return answers[-1]

    def settle(self) -> None:
        """Begin anew with what is there: requests and ledger entries from now on count."""
        self._entries = self.app.ledger("staging")
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

    def assert_settled(self, version: str, fresh: int = 1) -> None:
        """This version serves, nothing is left over, and the ledger tells so without a break in its chain.

        :param fresh: how often it was deployed since it was begun anew.
        """
        assert self.app.answer("staging")["version"] == version
        entries = verified(self.app.target.read(self.app.ledger_path("staging")))
        deployed = [entry for entry in entries if entry["event"] == "deployed"]
        assert deployed[-1]["version"] == version
        since = [entry["version"] for entry in entries[len(self._entries) :] if entry["event"] == "deployed"]
        assert since == [version] * fresh
        served = {entry["container_run"] for entry in deployed}
        containers = self.app.containers("staging").values()
        failed = {entry["run"] for entry in entries if entry["event"] == "failed"}
        running = [it for it in containers if it["State"]["Running"]]
        assert {it["Config"]["Labels"]["io.slipway.run"] for it in containers} <= served | failed
        assert {it["Config"]["Labels"]["io.slipway.run"] for it in running} <= served
        assert len(running) <= 2
        left = self.app.target.run("sh", "-c", f"ls -A {self.app.home('staging')}").split()
        assert "lock.json" not in left
        assert not [name for name in left if name.endswith(".new")]

    def settle_down(self) -> None:
        """Begin anew with a release that is live and answers; where there is none, with the first one."""
        live = self.live
        if not live or self.app.answer("staging")["version"] != live:
            run = self.app.run("deploy", env="staging", version=self.versions[0])
            assert run.code == 0, run.output
        self.settle()

    def fetch_all(self) -> None:
        """Deploy every release once, so that nothing is new to the target any more, and deployments take alike."""
        for _ in self.versions:
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
