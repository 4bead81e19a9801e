"""A target in memory beneath the real modules: each change of it is one step, before which the run may be killed.

After each step the invariants are checked, for what is and for what would be if everything started again.
"""

from __future__ import annotations

import contextlib
import copy
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    front,
    front_snapshot,
    labels,
    ledger,
    reconcile,
    snapshot,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Routes, all_to
from ansible_collections.slipway.core.plugins.module_utils.history import History
from target_engine import IMAGE, Engine, Registry

APP = "myapp"
ENVIRONMENTS = ("staging", "production")
PORTS = {"staging": 8081, "production": 8080}
KEEP_FAILED = 1
# What the image of a proxy begins with that does not come up.
BROKEN = "broken"


def _settled(config: str) -> list[str]:
    """What does not move with the traffic, and names nothing."""
    return [line for line in config.splitlines() if not line.strip().startswith(("server", "description"))]


class Killed(BaseException):
    """The run has ended before this step."""


class Target:
    """One virtual machine with both environments, and all that is true of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.registry = Registry()
        self.containers: list[dict[str, Any]] = []
        self.networks: dict[str, dict[str, Any]] = {}
        self.proxies: dict[tuple[str, str], dict[str, Any]] = {}
        self.images: set[str] = set()
        self.tags: dict[str, str] = {}
        self.proofs: set[tuple[str, ...]] = set()
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.made = self.runs = self.sessions = 0
        self.dead_runs: dict[str, str] = {}
        self.died_locked: dict[str, set[str]] = {env: set() for env in ENVIRONMENTS}
        # By environment and entry, the lines of HAProxy that do not move with the traffic.
        self.found_with: dict[tuple[str, int], list[str]] = {}
        self.arguments: dict[str, Any] = {}
        self._histories: dict[str, History] = {}
        # The warnings of modules, where a test expects any.
        self.warned: list[str] | None = None
        self.check_mode = False
        self.begin_run("")

    def begin_run(self, run: str, left: int | None = None, trouble: str = "") -> None:
        """From now on ``run`` works, and is killed before step ``left``, counted from 0."""
        self.current, self.left, self.trouble, self.dead, self.phase = run, left, trouble, False, ""
        self.stopped: list[str] = []
        self.trace: list[str] = []

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """One change, which happens whole or not at all."""
        if self.dead or self.left == 0:
            self.dead = True
            raise Killed(what)
        if self.left is not None:
            self.left -= 1
        self.trace.append(f"{self.phase}: {what}")
        yield
        if what == f"write {environment.LEDGER}":
            self._histories.clear()
        self.check()

    # What Docker and HAProxy do by themselves.

    def described(self, env: str) -> list[dict[str, Any]]:
        wanted = {labels.APP: APP, labels.ENVIRONMENT: env}
        return [labels.describe(it) for it in Engine(self).containers(wanted)]

    def fronts(self, env: str) -> list[dict[str, Any]]:
        wanted = {labels.APP: APP, labels.ENVIRONMENT: env, labels.SLOT: labels.FRONT}
        return sorted(Engine(self).containers(wanted), key=lambda it: it["Created"], reverse=True)

    def _holds(self, container: dict[str, Any]) -> set[int]:
        if container["Config"]["Labels"][labels.SLOT] == labels.FRONT:
            return {PORTS[container["Config"]["Labels"][labels.ENVIRONMENT]]}
        bindings = container["HostConfig"]["PortBindings"].values()
        return {int(it[0]["HostPort"]) for it in bindings if it[0]["HostPort"]}

    def run(self, container: dict[str, Any]) -> None:
        """Start a container; a second proxy takes the port over from the first one."""
        is_front = container["Config"]["Labels"][labels.SLOT] == labels.FRONT
        for other in self.containers:
            both = is_front and other["Config"]["Labels"][labels.SLOT] == labels.FRONT
            if other["State"]["Running"] and not both and self._holds(other) & self._holds(container):
                raise EngineError(f"the port of {container['Name']} is allocated already", 500)
        comes_up = not is_front or self._comes_up(container)
        container["State"].update(Status="running" if comes_up else "restarting", Running=True)
        container.update(comes_back=True, accepts=comes_up)
        if is_front and comes_up:
            self.begin(container)
        elif not is_front:
            ports = self._holds(container) or {40000}
            container["NetworkSettings"]["Ports"] = {
                "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)} for port in ports]
            }

    def _key(self, container: dict[str, Any]) -> tuple[str, str]:
        own = container["Config"]["Labels"]
        return f"{APP}-{own[labels.ENVIRONMENT]}", own[labels.PROXY]

    def finishing(self) -> set[tuple[str, str]]:
        """The proxies that have been told to finish: they have closed their admin socket as well."""
        fronts = [it for it in self.containers if it["Config"]["Labels"].get(labels.SLOT) == labels.FRONT]
        return {self._key(it) for it in fronts if not it["accepts"]}

    def _comes_up(self, container: dict[str, Any]) -> bool:
        """Whether HAProxy can start; where it cannot, Docker starts its container again and again."""
        config = front.Front(self.directory / self._key(container)[0]).config()
        return bool(config) and not container["Config"]["Image"].startswith(BROKEN)

    def begin(self, container: dict[str, Any]) -> None:
        """HAProxy reads its configuration, at a start or a reload."""
        key = self._key(container)
        files = front.Front(self.directory / key[0])
        routes = Routes(all_to(files.next_slot() or ""), protocols=files.protocols())
        self.made += 1
        self.proxies[key] = {"pid": self.made, "routes": routes, "settings": files.settings()}

    def end(self, container: dict[str, Any]) -> None:
        """A container's process has ended."""
        self.stopped.append(container["Name"])
        container["State"].update(Status="exited", Running=False)
        container["NetworkSettings"]["Ports"] = {}
        if labels.PROXY in container["Config"]["Labels"]:
            self.proxies.pop(self._key(container), None)

    def _survives(self, container: dict[str, Any]) -> bool:
        return container["comes_back"] and container["HostConfig"]["RestartPolicy"]["Name"] != "no"

    def uses(self, image: str) -> bool:
        """Whether a container, running or not, is made from an image."""
        return any(it["Image"] == image for it in self.containers)

    def prune_untagged(self) -> None:
        """Somebody runs docker image prune."""
        tagged = set(self.tags.values())
        self.images = {image for image in self.images if image in tagged or self.uses(image)}

    def restart(self) -> None:
        """The machine, or Docker, starts again."""
        for container in self.containers:
            if container["State"]["Running"]:
                self.end(container)
        for container in filter(self._survives, self.containers):
            self.run(container)
        self.check()

    def pass_time(self, seconds: float) -> None:
        """The clock moves; a proxy that has been told to finish has done so."""
        self.now += timedelta(seconds=seconds)
        for container in self.containers:
            if container["State"]["Status"] == "running" and not container["accepts"]:
                self.end(container)

    # What must hold after each step.

    def home(self, env: str) -> Path:
        return environment.home(str(self.directory), APP, env)

    def entries(self, env: str) -> list[dict[str, Any]]:
        return ledger.read(str(self.home(env) / environment.LEDGER))

    def history(self, env: str) -> History:
        if env not in self._histories:
            self._histories[env] = History(self.entries(env))
        return self._histories[env]

    def found(self, env: str) -> reconcile.Found:
        where = {"app": APP, "environment": env, "keep_failed": KEEP_FAILED}
        return environment.find(Engine(self), where, self.home(env), self.history(env))

    def reached(self, env: str, restarted: bool = False) -> list[dict[str, Any] | None]:
        """The containers that requests reach, None for a slot without one that understands them: now, or if everything
        started again."""
        running = {it["Id"]: self._survives(it) if restarted else it["State"]["Running"] for it in self.containers}
        ours = [it for it in self.described(env) if running[it["id"]]]
        fronts = [it for it in self.fronts(env) if running[it["Id"]] and it["accepts"]]
        if not fronts:
            return [it for it in ours if it["slot"] == labels.PUBLIC]
        files = front.Front(self.home(env))
        after_start = Routes(all_to(files.next_slot() or ""), protocols=files.protocols())
        slots: set[tuple[str, str]] = set()
        for proxy in fronts:
            routes = after_start if restarted else self.proxies[self._key(proxy)]["routes"]
            named = {slot for slot, weight in routes.weights.items() if weight} | ({routes.asked} - {""})
            slots |= {(slot, routes.protocols[slot]) for slot in named}
        return [next((it for it in ours if (it["slot"], it["protocol"]) == slot), None) for slot in sorted(slots)]

    def loaded(self, env: str) -> list[str]:
        """With which fronts the proxies run that get connections."""
        running = [it for it in self.fronts(env) if it["State"]["Running"] and it["accepts"]]
        return [self.proxies[self._key(it)]["settings"] for it in running]

    def live_stays(self, container: dict[str, Any]) -> None:
        """Only the cut-over of recreate, and the move from it, stop the live container, for one that is proven."""
        described = labels.describe(container)
        env = container["Config"]["Labels"][labels.ENVIRONMENT]
        if reconcile.live_container([described], self.history(env).live()):
            assert self.phase == "container_switch", f"{self.phase} stops the live container"
            proven = {self.current, (self.history(env).paused() or {}).get("container_run")}
            assert any(run in proven for *_, run in self.proofs), "nothing is proven that could replace it"

    def check(self) -> None:
        verified_in_staging = self.history("staging").verified_digests()
        for env in ENVIRONMENTS:
            live = self.history(env).live()
            for restarted in (False, True):
                when = "after a restart " if restarted else ""
                reached = self.reached(env, restarted)
                for it in filter(None, reached):
                    proof = (env, it["digest"], it["config"], it["run"])
                    assert proof in self.proofs, f"{when}traffic reaches {it['name']}, which is not proven"
                    if env == "production":
                        assert it["digest"] in verified_in_staging, "production runs what staging has not verified"
                if live and live["slot"] in labels.BEHIND_PROXY:
                    assert reached, f"{when}nothing gets the traffic of {env}"
                    assert all(reached), f"{when}some traffic of {env} reaches nothing"

    def died(self, env: str, run: str) -> None:
        """A run has been killed; the ledger has to tell of it once it had the lock."""
        self.dead_runs[env] = run
        held = environment.lock_left(self.home(env))
        if held and held.run_id == run:
            self.died_locked[env].add(run)

    def settled(self, env: str) -> None:
        """Nothing is left to reconcile, only what the ledger tells of is there, and the live release serves."""
        for run in self.died_locked[env]:
            assert self.history(env).tells_of(run), f"nobody knows how {run} ended"
        self.died_locked[env].clear()
        found = self.found(env)
        assert [step.told for step in reconcile.steps(found)] == [], "one run does not reconcile"
        live, canary = reconcile.live_container(found.ours, found.live), reconcile.paused_container(found)
        kept = [it["name"] for it in (live, canary, reconcile.standby(found)) if it]
        for it in found.ours:
            failed = it["slot"] == labels.FAILED and not it["running"] and it["run"] in found.failed_runs
            assert it["name"] in kept or failed, f"{it['name']} is nobody's"
        assert (live is None) == (found.live is None), "the live container is gone"
        for it in filter(None, (live, canary)):
            assert self._survives(Engine(self)._find(it["id"])), f"{it['name']} does not come back after a restart"
        self.front_is_what_the_ledger_says(env, live)
        serving = {it["name"] for it in self.reached(env) if it}
        # A canary that waits beside one on the public port has no proxy yet that could send it anything.
        behind = live is None or live["slot"] in labels.BEHIND_PROXY
        wanted = [live, canary] if behind else [live]
        assert serving == {it["name"] for it in wanted if it}, "others serve than the ledger says"

    def front_is_what_the_ledger_says(self, env: str, live: dict[str, Any] | None) -> None:
        """What is live is served by the front that it was deployed with, now and after a restart; nothing by none."""
        entry = self.history(env).live() or self.history(env).paused()
        serving = [it for it in self.fronts(env) if it["State"]["Running"] and it["accepts"]]
        if entry is None:
            assert serving == [], "a front serves although nothing is deployed"
        elif live is None or live["slot"] in labels.BEHIND_PROXY:
            home = self.home(env)
            name = front_snapshot.with_entry(home, entry)
            told = self.found_with.setdefault((env, entry["seq"]), _settled(front.Front(home).config()))
            assert _settled(front.Front(home).config()) == told, "another front would serve after a restart"
            assert self.loaded(env) == [front.Front(home).settings()], "another front serves than is written"
            if name:
                kept = front_snapshot.read(home, name)
                assert self.loaded(env) == [name], "another front serves than the ledger says"
                assert [it["Config"]["Image"] for it in serving] == [kept.settings["proxy_image"]], "of another image"
                assert front.Front(home).certificate() == kept.certificate, "its certificate is another one"

    def forget_fronts(self, env: str) -> None:
        """Let the ledger be that of a version which knew of no fronts."""
        path, entries = self.home(env) / environment.LEDGER, self.entries(env)
        for file in (self.home(env) / "fronts").glob("*"):
            file.unlink()
        path.unlink()
        for entry in entries:
            gone = (*ledger.RESERVED, "front", "certificate")
            ledger.append(str(path), entry["event"], {key: it for key, it in entry.items() if key not in gone})

    def retained(self, env: str, keep: int) -> None:
        """What rollbacks may need is there: of ``keep`` releases, the live one included, and of a canary that waits."""
        history = self.history(env)
        deployed = [entry for entry in self.entries(env) if entry["event"] == "deployed"]
        newest = {entry["digest"]: entry for entry in deployed}
        order = list(dict.fromkeys(entry["digest"] for entry in reversed(deployed)))
        wanted = [history.live(), *(newest[digest] for digest in order[1:keep]), history.paused()]
        if len(deployed) > 1 and all(entry["digest"] != deployed[-1]["digest"] for entry in deployed[:-1]):
            assert history.rollback_target()["seq"] == deployed[-2]["seq"], "a rollback skips what was live"
            wanted.append(deployed[-2])
        configurations = snapshot.kept(str(self.home(env)))
        for entry in filter(None, wanted):
            if entry.get("front"):
                kept = front_snapshot.find(self.home(env), front_snapshot.of_entry(entry))
                assert kept, f"the front of entry {entry['seq']} is gone"
            assert entry["config"] in configurations, f"the configuration of entry {entry['seq']} is gone"
            assert f"{IMAGE}@{entry['digest']}" in self.images, f"the image of entry {entry['seq']} is gone"

    # Saving, and going back to what was saved.

    def looks(self) -> Any:
        """What a later run can tell two states of this target apart by."""
        names = ("containers", "networks", "proxies", "images", "proofs")
        events = [(entry["event"], entry.get("digest")) for env in ENVIRONMENTS for entry in self.entries(env)]
        files = [front.Front(self.home(env)).config() for env in ENVIRONMENTS]
        return copy.deepcopy([getattr(self, name) for name in names]), events, files

    def save(self) -> tuple[dict[str, Any], dict[Path, bytes]]:
        """All there is, to be brought back with :meth:`bring_back`."""
        state = {name: copy.deepcopy(value) for name, value in vars(self).items() if name != "_histories"}
        return state, {path: path.read_bytes() for path in self.directory.rglob("*") if path.is_file()}

    def bring_back(self, saved: tuple[dict[str, Any], dict[Path, bytes]]) -> None:
        state, files = saved
        vars(self).update(copy.deepcopy(state), _histories={})
        for path in [it for it in self.directory.rglob("*") if it.is_file() and it not in files]:
            path.unlink()
            if path.name == "config.json":
                shutil.rmtree(path.parent)
        for path, content in files.items():
            (path.parent / "files" if path.name == "config.json" else path.parent).mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
