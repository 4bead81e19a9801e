"""Runs of deploy.yml and rollback.yml on a target in memory: the real modules, in the order of the role ``deploy``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any

from ansible_collections.slipway.core.plugins.action.plan import ActionModule as Plan
from ansible_collections.slipway.core.plugins.module_utils import drift, labels
from ansible_collections.slipway.core.plugins.modules import (
    canary_pause,
    canary_step,
    candidate,
    container_switch,
    cut_over,
    drain,
    environment_close,
    environment_open,
    environment_undo,
    ledger_entry,
    proxy_apply,
    proxy_files,
    release_fetch,
)
from target_engine import IMAGE
from target_gates import ask_gate, resolve
from target_model import APP, KEEP_FAILED, PORTS, Target
from target_modules import TaskFailed, call

KEEP = {"staging": 2, "production": 3}
LEASE = 300
STEPS = (5, 50)
TROUBLES = ("", "pull", "preflight", "candidate", "canary", "prove", "cut_over", "public")


@dataclass
class Run:
    """One run of a playbook for one environment.

    :param trouble: what goes wrong on the way, one of TROUBLES.
    :param setting: what the proxy's configuration says besides; another one makes it reload.
    :param certificate: with which it speaks TLS.
    :param front: what the proxy is made of; another one makes another container.
    :param image: the repository that today's variables name.
    :param tampered: whether somebody has changed what an earlier run left.
    :param other_host: whether another host fails after this one was verified.
    :param meanwhile: called between the resolution of the release and everything after it.
    """

    target: Target
    env: str
    kind: str = "deploy"
    version: str = ""
    strategy: str = "blue_green"
    config: str = "a"
    trouble: str = ""
    pause: bool = False
    protocol: str = ""  # without one it is h2 with the configuration c, and http1 with any other
    setting: str = "1"
    front: str = "one"
    certificate: str = ""
    image: str = IMAGE
    warm_standby: int = 600
    tampered: bool = False
    other_host: bool = False
    meanwhile: Callable[[], Any] = str
    id: str = ""
    open: dict[str, Any] = field(default_factory=dict)

    def begin(self, left: int | None = None) -> None:
        """Let the run begin; it is killed before step ``left``."""
        target = self.target
        target.runs += 1
        target.now += timedelta(seconds=1)
        self.id = f"260102-000000-{target.runs}"
        self.committed: dict[str, Any] = {}
        self.attempted, self.replaced, self.approval = "", False, None
        target.begin_run(self.id, left, self.trouble)

    @property
    def proxied(self) -> bool:
        return self.strategy != "recreate"

    @property
    def _where(self) -> dict[str, Any]:
        return {"directory": str(self.target.directory), "app": APP, "environment": self.env}

    def _do(self, module: ModuleType, **arguments: Any) -> dict[str, Any]:
        return call(self.target, module, **arguments)

    def _here(self, module: ModuleType, **arguments: Any) -> dict[str, Any]:
        return self._do(module, **self._where, run=self.id, **arguments)

    def _configuration(self) -> dict[str, Any]:
        public = {"bind": "127.0.0.1", "port": PORTS[self.env], "public_url": "http://x"}
        lists: dict[str, Any] = {
            name: [] for name in ("volumes", "networks", "tmpfs", "capabilities", "command", "entrypoint")
        }
        limits = {"memory": "0", "cpus": 0.0, "pids_limit": 9, "ulimits": {"core": 0}}
        limits |= {"read_only": True, "init": True, "stop_timeout": 1}
        return {
            **lists,
            **limits,
            "env": {"SETTING": self.config},
            "labels": {},
            "user": f"{os.getuid()}:{os.getgid()}",
            "secrets_path": "/run/secrets",
            "container_port": 8000,
            "restart_policy": "unless-stopped",
            "health": {"path": "/health", "protocol": self.protocol or ("h2" if self.config == "c" else "http1")},
            **({} if self.proxied else public),
        }

    def take(self) -> dict[str, Any]:
        """Lock, reconcile and look. Raises TaskFailed when the run is refused."""
        port = PORTS[self.env]
        self.open = self._do(
            environment_open,
            **self._where,
            image=self.image,
            kind=self.kind,
            version=self.version,
            configuration=self._configuration(),
            secrets=json.dumps({"env": {}, "files": {}}),
            strategy=self.strategy,
            front=self._front() if self.proxied or self.kind != "deploy" else {},
            certificate=self.certificate,
            bind="127.0.0.1",
            ports=[port],
            slot_ports={"blue": port + 10000, "green": port + 20000},
            warm_standby=self.warm_standby,
            drain_timeout=0,
            lease=LEASE,
            keep_failed=KEEP_FAILED,
            owner="alice",
            host="laptop",
            run=self.id,
            gone=self.target.dead_runs.get(self.env, ""),
        )
        self.spoken = self.open["spec"]["health"]["protocol"]
        self.target.stopped.clear()
        left = [it for it in self.open["drift"] if it["repair"] != drift.LOAD]
        assert left == [] or self.tampered, "what a run has made is not what it should have"
        return self.open

    def take_or_refuse(self) -> bool:
        """Whether the run may go on; then nothing that another one left is there any more."""
        try:
            self.take()
        except TaskFailed as refusal:
            self.message = str(refusal)
            return False
        self.target.settled(self.env)
        return True

    def play(self) -> str:
        """Everything; returns what became of it: ``done``, ``failed``, or ``refused`` before anything was touched."""
        if not self.take_or_refuse():
            return "refused"
        outcome, self.phase = "done", "resolve"
        try:
            self.abort() if self.kind == "abort" else self.ship()
            if self.other_host and self.committed:
                self.undo()
        except TaskFailed as failure:
            self.message = str(failure)
            outcome = "failed"
            self.record_failure()
        if not self.committed:
            self.close(prune=bool(self.replaced or self.kind == "abort"))
        return outcome

    def abort(self) -> None:
        paused = self.open["paused"]
        fields = {"version": paused["version"], "digest": paused["digest"], "run": self.id}
        self._do(ledger_entry, directory=self.open["home"], event="aborted", run=self.id, fields=fields)

    def decide(self) -> None:
        """Resolve the release, compare it with what is live, and ask the gate."""
        if self.kind in ("rollback", "promote"):
            self.release = self.open["target" if self.kind == "rollback" else "paused"]
        else:
            self.release = resolve(self.target, self.env, self.version)
        self.meanwhile()
        live, serving = self.open["live"], self.open["serving"]
        same = live and (live["digest"], live["config"]) == (self.release["digest"], self.open["config"])
        replaced = any(it["repair"] == drift.REPLACE for it in self.open["drift"])
        self.strategy = self.open["strategy"]
        self.unchanged = bool(serving and same and not replaced)
        behind = bool(live) and live["slot"] in labels.BEHIND_PROXY
        another = behind and self.open["front"] not in (None, live.get("front"))
        self.refront = self.unchanged and behind and (another or self.open["certificate"] != live.get("certificate"))
        self.warm = Plan._is_warm(self.release, self.open)
        if self.kind == "promote":
            self.approval = self.open["paused"]["approval"]
        elif self.kind == "deploy" and self.env == "production" and (another or not self.unchanged):
            bound = {name: self.open[name] for name in ("config", "front")}
            self.approval = ask_gate(self.target, self.release, self.open["approvals"], bound)

    def ship(self) -> None:
        self.decide()
        fronts = self.open["proxy"]["fronts"]
        if self.refront or not self.unchanged:
            self.phase = "preflight"
            if self.trouble == "preflight" or (not self.proxied and any(it["running"] for it in fronts)):
                raise TaskFailed(msg="the target lacks something")
        self.phase = "replace"
        live = self.open["slots"]["live"]
        self.held = bool(self.open["serving"] and self.open["serving"]["slot"] == labels.PUBLIC)
        self.serving = self.open["serving"]["name"] if self.open["serving"] else ""
        self.free = self.open["slots"]["free"]
        self.fronts = self.proxied and self.open["proxy"]["differs"] and (self.refront or not self.unchanged)
        if self.fronts:
            self.prepare_front()
        if self.refront:
            self.free, self.name, self.made = live, self.serving, self.open["serving"]["run"]
            self.switch()
        if self.unchanged:
            return
        if not self.proxied:
            self.recreate()
            return
        self.name = f"{APP}-{self.env}-{self.free}"
        self.replaced = True
        self.made = self.open["slots"]["standby"]["run"] if self.warm else self.id
        if not self.warm:
            self.fill_slot()
        steps = self.strategy == "canary" and self.kind == "deploy" and not self.pause and not self.warm and live
        for weight in STEPS if steps else ():
            self._here(canary_step, slot=self.free, container=self.name, weight=weight)
        if self.strategy == "canary" and self.kind == "deploy" and self.pause:
            self.wait()
        else:
            self.switch()

    def _front(self) -> dict[str, Any]:
        """The lines of the role's template that the modules read, and the settings that they do."""
        port, tls = PORTS[self.env], " ssl crt /etc/slipway/tls.pem" if self.certificate else ""
        lines = ["    description ", f"    # {self.setting}", f"    bind 127.0.0.1:{port}{tls}"]
        servers = [(it, f"127.0.0.1:{port + far} weight 0") for it, far in (("blue", 10000), ("green", 20000))]
        lines += [f"    server {it} {at}\n    server {it}-h2 {at} proto h2 disabled" for it, at in servers]
        named = {"proxy_image": self.front, "deploy_port": port, "deploy_bind": "127.0.0.1", "proxy_redirect_port": 0}
        named |= {"proxy_blue_port": port + 10000, "proxy_green_port": port + 20000}
        config = "\n".join([*lines, "    server switch 127.0.0.1:1 disabled", ""])
        named |= {"proxy_memory": "1g", "proxy_pids_limit": 512, "proxy_maxconn": 4000}
        named |= {"proxy_tls_certificate": "given" if self.certificate else ""}
        return {"settings": {**named, "proxy_client_timeout": self.setting}, "config": config}

    def prepare_front(self) -> None:
        """All that the front needs; nothing that serves is touched."""
        proxy = self.open["proxy"]
        current = [it["name"] for it in proxy["fronts"]][:1] == [proxy["name"]]
        self._here(proxy_files, front=proxy["front"], config=proxy["wanted"], loaded=proxy["loaded"], current=current)

    def bring_front(self) -> None:
        """Right with the cut-over."""
        slot = self.free if self.held else self.open["slots"]["live"]
        self._here(proxy_apply, front=self.open["proxy"]["front"], slot=slot, start=not self.held, timeout=0)
        if not self.held:
            assert self.target.loaded(self.env) == [self.open["proxy"]["front"]], "HAProxy runs with another front"

    def fill_slot(self) -> None:
        self.fetch()
        spare = self.open["slots"]["standby"]
        if spare and (self.open["slots"]["sessions"] > 0 or self.open["paused"]):
            self._here(drain, container=spare["name"], live=self.open["slots"]["live"], timeout=0)
        self.attempted = self.name
        self._prove(self.name, self.free, PORTS[self.env] + {"blue": 10000, "green": 20000}[self.free])

    def fetch(self) -> None:
        """Pull, before anything stops."""
        if self.release["digest"] in self.open["digests"] and self.open["config_kept"]:
            return
        asked = {"configuration": self._configuration(), "secrets": json.dumps({"env": {}, "files": {}})}
        self._do(
            release_fetch,
            image=self.open["image"],
            digest=self.release["digest"],
            directory=self.open["home"],
            config=self.open["config"],
            run=self.id,
            **(asked if self.kind == "deploy" else {}),
        )

    def _prove(self, name: str, slot: str, port: int, health: bool = True) -> None:
        own = {"app": APP, "environment": self.env, "version": self.release["version"], "slot": slot, "run": self.id}
        own |= {"digest": self.release["digest"], "config": self.open["config"], "protocol": self.spoken}
        self._do(
            candidate,
            directory=self.open["home"],
            config=self.open["config"],
            image=f"{self.open['image']}@{self.release['digest']}",
            name=name,
            labels={labels.PREFIX + key: value for key, value in own.items()},
            port=port,
            restart_policy="no" if health else "unless-stopped",
            run=self.id,
            **({"health": {"check": {"path": "/health"}}} if health else {}),
        )

    def wait(self) -> None:
        """The canary waits for a person."""
        if self.fronts and self.open["live"] is None:
            self.bring_front()
        fields = self._fields(container_run=self.made)
        self._here(canary_pause, slot=self.free, container=self.name, weight=5, fields=fields)

    def _fields(self, **more: Any) -> dict[str, Any]:
        told = {name: self.release[name] for name in ("version", "digest")}
        told |= {name: self.open[name] for name in ("config", "front", "certificate")}
        told |= {"run": self.id, "approval": self.approval}
        return {"environment": self.env, **told, **more}

    def _switch_containers(self, stop: str, start: str, goes_back: bool = False) -> None:
        home = self.open["home"]
        self._do(container_switch, stop=stop, start=start, home=home, run=self.id, goes_back=goes_back)

    def _move(self, to: str, verify: bool = True) -> None:
        check = {"path": "/health", "host": "", "protocol": self.spoken, "smoke_paths": []}
        port = PORTS[self.env] + {"blue": 10000, "green": 20000}.get(to, 0)
        more = {"slot_url": f"http://127.0.0.1:{port}", "container": self.name} if verify else {"verify": False}
        self._here(cut_over, to=to, url="http://public", check=check, **more)

    def switch(self) -> None:
        """Cut over, verify, commit, or take the traffic back."""
        handed = moved = False
        try:
            if self.fronts:
                self.bring_front()
            if self.held:
                handed = True
                self._switch_containers(self.serving, self.open["proxy"]["name"])
            self.attempted, self.replaced, moved = self.name, True, True
            self._move(self.free)
            self._ask_public()
            self.commit(self.name, self.made, self.free)
        except TaskFailed as cause:
            if self.held and handed:
                self._switch_containers(self.open["proxy"]["name"], self.serving, goes_back=True)
            elif not self.held and moved and not cause.result.get("returned"):
                self._move(self.open["slots"]["live"], verify=False)
            if self.fronts:
                self._here(proxy_apply, timeout=0)
            raise

    def recreate(self) -> None:
        unique = f"{APP}-{self.env}-{self.release['version']}-{self.id}"
        self.replaced = True
        self.fetch()
        self.attempted = f"{unique}-candidate"
        self._prove(f"{unique}-candidate", labels.CANDIDATE, 0)
        self.attempted = f"{unique}-public"
        self._prove(f"{unique}-public", labels.PUBLIC, PORTS[self.env], health=False)
        try:
            self._switch_containers(self.serving, f"{unique}-public")
            self._ask_public()
            self.commit(f"{unique}-public", self.id, labels.PUBLIC)
        except TaskFailed:
            self._switch_containers(f"{unique}-public", self.serving, goes_back=True)
            raise

    def _ask_public(self) -> None:
        if self.trouble in ("public", "cut_over"):
            raise TaskFailed(msg="the public address does not answer")

    def commit(self, name: str, run: str, slot: str) -> None:
        kind = "rollback" if self.kind == "rollback" else "deploy"
        fields = self._fields(image=self.open["image"], kind=kind, container_run=run, slot=slot)
        self.committed = self.close(prune=True, fields={**fields, "container": name})

    def close(self, prune: bool, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """Record, retire, prune, unlock."""
        return self._here(
            environment_close,
            fields=fields,
            image=self.image,
            keep=KEEP[self.env],
            keep_failed=KEEP_FAILED,
            prune=prune,
            warm_standby=self.warm_standby,
            drain_timeout=0,
        )

    def record_failure(self) -> None:
        if self.attempted and not self.committed:
            fields = self._fields()
            self._do(ledger_entry, directory=self.open["home"], event="failed", run=self.id, fields=fields)

    def undo(self) -> dict[str, Any]:
        """Go back because another host has failed."""
        more = {"owner": "alice", "controller": "laptop", "reason": "another host failed", "drain_timeout": 0}
        try:
            return self._here(environment_undo, warm_standby=self.warm_standby, **more)
        except TaskFailed as failure:
            self.message = str(failure)
            return failure.result
