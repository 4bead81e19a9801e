"""One application on the lab, under a name of its own so that no other test sees its state."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import inventories
from tests.integration import verbs
from tests.integration.target import STATE, Target, run
from tools.steps import environment

ENVIRONMENTS = ("staging", "production")
APPROVER = "alice"


@dataclass
class Application:
    """An application, and the verbs run on it.

    :param variables: extra variables of each run; those of a single run come on top.
    :param address: where this machine reaches its public ports, by environment those of the lab unless ``ports`` says.
    :param state: the folder of the state of all environments on the target.
    """

    name: str
    target: Target
    variables: dict[str, Any] = field(default_factory=dict)
    address: str = "127.0.0.1"
    ports: dict[str, int] = field(default_factory=dict)
    state: str = STATE

    def url(self, env: str, path: str = "") -> str:
        """The public address of an environment."""
        return f"http://{self.address}:{(self.ports or self.target.lab.ports)[env]}{path}"

    def start(
        self,
        verb: str,
        *arguments: str,
        overlay: Path | None = None,
        text: str = "",
        environ: dict[str, str] | None = None,
        **variables: Any,
    ) -> verbs.Process:
        """Start a verb; ``overlay`` is a second inventory, ``text`` YAML to add to the extra variables."""
        extra, policy = self.asked(**variables)
        given = "\n".join([*(f"{name}: {json.dumps(value)}" for name, value in extra.items()), text])
        return verbs.start(
            self.target.lab, verb, *arguments, variables=given, policy=policy, inventory=overlay, environ=environ
        )

    def asked(self, **variables: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The variables of a run that go through its command line, and those that may not."""
        return inventories.split({"deploy_name": self.name, **self.variables, **variables})

    def run(self, verb: str, *arguments: str, **variables: Any) -> verbs.Run:
        """Run a verb to its end."""
        return self.start(verb, *arguments, **variables).end()

    def ship(self, env: str, build: int, **variables: Any) -> None:
        """Deploy a build that has to arrive, unless it is live already; to production with an approval."""
        version = f"1.0.{build}"
        if not variables and self.live(env) == version:
            return
        if env == "production":
            bound = {name: value for name, value in variables.items() if name.startswith(("deploy_", "proxy_"))}
            approved = self.run("approve", version=version, approved_by=APPROVER, **bound)
            assert approved.code == 0, approved.output
        run = self.run("deploy", env=env, version=version, **variables)
        assert run.code == 0, run.output
        assert self.answer(env)["version"] == version

    def live(self, env: str) -> str:
        """The version that the ledger says is live; empty before the first deployment."""
        listed = self.target.run("sh", "-c", f"cat {self.ledger_path(env)} 2>/dev/null || :").splitlines()
        deployed = [entry for entry in map(json.loads, listed) if entry["event"] == "deployed"]
        return deployed[-1]["version"] if deployed else ""

    def answer(self, env: str) -> dict[str, Any]:
        """What the public port answers to ``/version``; the reason under ``error`` when it does not."""
        try:
            with urllib.request.urlopen(self.url(env, "/version"), timeout=3) as answer:
                return dict(json.loads(answer.read()))
        except (urllib.error.URLError, OSError, ValueError) as error:
            return {"version": "", "error": str(error)}

    def running(self) -> dict[str, tuple[str, int]]:
        """The running containers: id to start time and number of restarts."""
        found = self.target.containers(self.name)
        return {
            key: (details["State"]["StartedAt"], details["RestartCount"])
            for key, details in found.items()
            if details["State"]["Running"]
        }

    def containers(self, env: str) -> dict[str, dict[str, Any]]:
        """Every container of an environment but its proxy's, by id, as Docker inspects it."""
        found = self.target.containers(self.name)
        labels = {key: it["Config"]["Labels"] for key, it in found.items()}
        return {
            key: it
            for key, it in found.items()
            if labels[key]["io.slipway.environment"] == env and labels[key]["io.slipway.slot"] != "proxy"
        }

    def live_container(self, env: str) -> dict[str, Any]:
        """The container that the ledger says is live, as Docker inspects it."""
        run = [entry for entry in self.ledger(env) if entry["event"] == "deployed"][-1]["container_run"]
        found = self.containers(env).values()
        (live,) = (it for it in found if it["Config"]["Labels"]["io.slipway.run"] == run)
        return live

    def home(self, env: str) -> str:
        """The folder of an environment's state."""
        return f"{self.state}/{self.name}-{env}"

    def ledger_path(self, env: str) -> str:
        """The file of an environment's ledger."""
        return f"{self.home(env)}/ledger.jsonl"

    def ledger(self, env: str) -> list[dict[str, Any]]:
        """The entries of an environment's ledger, unverified."""
        return [json.loads(line) for line in self.target.read(self.ledger_path(env)).splitlines()]

    def events(self, env: str) -> list[str]:
        """What happened in an environment, oldest first."""
        return [entry["event"] for entry in self.ledger(env)]

    def append(self, env: str, event: str, fields: dict[str, Any]) -> None:
        """Add an entry to an environment's ledger through the ledger's own module."""
        host = {"staging": "myapp-staging", "production": "myapp-prod"}[env]
        options = json.dumps({"directory": self.home(env), "event": event, "fields": fields})
        run(
            ["ansible", host, "--become", "--module-name", "slipway.core.ledger_entry", "--args", options],
            env=environment(self.target.lab.environment),
        )

    @contextlib.contextmanager
    def ledger_restored(self, env: str) -> Iterator[bytes]:
        """Put an environment's ledger back as it was, whatever happens to it inside."""
        before = self.target.read(self.ledger_path(env))
        try:
            yield before
        finally:
            self.target.write(self.ledger_path(env), before)

    @contextlib.contextmanager
    def untouched(self) -> Iterator[None]:
        """Fail the test unless containers, answers and all recorded state are the same before and after."""
        before = self._picture()
        yield
        assert self._picture() == before

    def _picture(self) -> tuple[str, list[str]]:
        script = (
            f"docker ps -aq --no-trunc --filter label=io.slipway.app={self.name} | xargs -r docker inspect --format "
            "'{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}'; "
            f"cd {STATE} && sha256sum {self.name}-*/ledger.jsonl; ls -d {self.name}-*/* | grep -v guard$"
        )
        return self.target.run("sh", "-c", script), [self.answer(env)["version"] for env in ENVIRONMENTS]
