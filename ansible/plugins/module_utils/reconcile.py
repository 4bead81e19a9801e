"""Undo what an interrupted run left, so that the ledger's live release serves and gets the traffic.

Deciding is a pure function of what was found; acting follows the steps in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Mapping, Sequence

from ansible_collections.slipway.core.plugins.module_utils import (
    draining,
    front,
    front_change,
    front_snapshot,
    labels,
    standby_mark,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Routes, all_to, shared
from ansible_collections.slipway.core.plugins.module_utils.ledger import parse_time

FAILED_GRACE_SECONDS = 5
PAUSED = "paused"

Described = dict[str, Any]


@dataclass(frozen=True)
class FrontState:
    """The front that what serves was deployed with, and what is there of it.

    :param wanted: as it is kept.
    :param written: whether HAProxy reads that at its next start.
    :param running: the name of the one that it runs with; None where none runs.
    :param differs: the settings in which that differs, for people; empty where they are not known.
    """

    app: str
    environment: str
    home: Path
    wanted: front_snapshot.Front
    written: bool
    running: str | None
    differs: str = ""


@dataclass(frozen=True)
class Found:
    """What was found on a target.

    :param ours: the application's containers, described.
    :param fronts: the proxy's containers, described, the newest first.
    :param routes: where the newest proxy sends requests; None when no proxy runs.
    :param live: the ledger's entry of the live release.
    :param paused: the ledger's entry of a canary that waits for a person.
    :param verified_runs: the runs whose containers have been live.
    :param next_slot: the slot that gets the traffic when the proxy starts again; None when nothing is written for that.
    :param failed_runs: the failed attempts whose containers are kept, stopped, to be looked at.
    :param foreign: by name the image of each container that is none of ours and has a name that one of ours could have.
    :param loaded: whether the newest proxy that runs has loaded the settings that are written for it.
    :param front: the front that the ledger says serves, and what is there of it; None where it does not tell.
    :param front_damage: why what is kept of that cannot be read.
    """

    ours: Sequence[Described]
    fronts: Sequence[Described]
    routes: Routes | None
    live: dict[str, Any] | None
    paused: dict[str, Any] | None
    verified_runs: frozenset[str]
    next_slot: str | None = None
    failed_runs: frozenset[str] = frozenset()
    foreign: Mapping[str, str] = field(default_factory=dict)
    loaded: bool = True
    front: FrontState | None = None
    front_damage: str = ""


@dataclass(frozen=True)
class Step:
    """One thing to do: ``start``, ``stop``, ``remove`` or ``set_aside`` a container, or one of the proxy's.

    Those are ``start_front`` and ``leave`` for a container, ``route`` for traffic, and ``front`` for what it serves.
    """

    verb: str
    container: Described | None = None
    routes: Routes | None = None

    @property
    def told(self) -> str:
        """What was done, for people."""
        if self.routes:
            return f"traffic goes to {self.routes.described}"
        if self.verb == "front":
            return "put the front back that the live release was deployed with"
        past = {
            "start": "started",
            "start_front": "started",
            "stop": "stopped",
            "remove": "removed",
            "set_aside": "kept to look at, stopped:",
            "leave": "no new connections for",
        }
        return f"{past[self.verb]} {(self.container or {}).get('name')}"

    @property
    def planned(self) -> str:
        """What is going to be done, for people."""
        if self.routes:
            return f"send traffic to {self.routes.described}"
        if self.verb == "front":
            return "put the front back that the live release was deployed with"
        verbs = {
            "start_front": "start",
            "set_aside": "stop, and keep to look at,",
            "leave": "give no new connections to",
        }
        return f"{verbs.get(self.verb, self.verb)} {(self.container or {}).get('name')}"


def container_run(entry: dict[str, Any]) -> str:
    """The run that made the container which an entry of the ledger speaks of: a flip back to one makes none."""
    return str(entry.get("container_run") or entry.get("run") or "")


def live_container(ours: Sequence[Described], live: dict[str, Any] | None) -> Described | None:
    """The container that the ledger's live entry speaks of."""
    for container in ours:
        if live and container["run"] == container_run(live) and container["slot"] != labels.CANDIDATE:
            return container
    return None


def standby(found: Found) -> Described | None:
    """The container of an earlier verified release in the slot that is not live, running or not.

    One that waits as a canary is none: it has its share of the traffic for as long as it takes.
    """
    others = (live_container(found.ours, found.live), paused_container(found))
    for container in found.ours:
        verified = container["run"] in found.verified_runs and container["slot"] in labels.BEHIND_PROXY
        if container not in others and verified:
            return container
    return None


def live_slot(found: Found) -> str:
    """The slot of the live container; empty when it is behind no proxy, or when there is none."""
    live = live_container(found.ours, found.live)
    return live["slot"] if live and live["slot"] in labels.BEHIND_PROXY else ""


def paused_container(found: Found) -> Described | None:
    """The candidate of a canary that waits for a person."""
    if found.paused is None:
        return None
    return next((it for it in found.ours if it["run"] == container_run(found.paused)), None)


def wanted_routes(found: Found) -> Routes:
    """Where the ledger says that requests go."""
    slot, live = live_slot(found), live_container(found.ours, found.live)
    maintenance = found.routes.maintenance if found.routes else False
    canary = paused_container(found)
    served = [it for it in (live if slot else None, canary) if it]
    addresses = {it["slot"]: address for it in served for address in _addresses(it)}
    protocols = {it["slot"]: it["protocol"] for it in served}
    if not canary or not found.paused:
        return Routes(all_to(slot), maintenance=maintenance, addresses=addresses, protocols=protocols)
    weights = shared(slot, canary["slot"], int(found.paused["weight"]))
    return Routes(weights, canary["slot"], maintenance, addresses, protocols)


def _addresses(container: Described) -> list[str]:
    """Where a container in a slot listens; nothing while it does not run."""
    return list((container.get("ports") or {}).values())[:1] if container["running"] else []


def steps(found: Found) -> list[Step]:
    """What has to be done, in order.

    Behind the proxy the live container comes back first, then traffic goes to it, and only then is removed what no
    verified release owns. On the public port it is the other way round, because what is removed may hold the port.
    """
    live, spare, canary = live_container(found.ours, found.live), standby(found), paused_container(found)
    kept = [container for container in (live, spare, canary) if container]
    remove = list(filter(None, (_away(found, it) for it in found.ours if it not in kept)))
    remove += _surplus_fronts(found)
    start = [Step("start", container) for container in (live, canary) if container and not container["running"]]
    if live and live["slot"] == labels.PUBLIC:
        holders = [it for it in found.fronts if it["running"]] if start else []
        stop = [Step("stop" if it is found.fronts[0] else "remove", it) for it in holders]
        return [*remove, *stop, *start]
    return [*start, *_traffic(found), *remove]


def failed_container(found: Found, run: str) -> Described | None:
    """The one container that is kept of a failed attempt: of recreate's two the one on the public port."""
    made = [it for it in found.ours if it["run"] == run]
    order = {labels.FAILED: 0, labels.CANDIDATE: 2}
    return min(made, key=lambda it: order.get(it["slot"], 1), default=None)


def _away(found: Found, container: Described) -> Step | None:
    """What becomes of a container that is neither live nor to be; None for nothing."""
    if container["run"] not in found.failed_runs or failed_container(found, container["run"]) != container:
        return Step("remove", container)
    if container["slot"] == labels.FAILED and not container["running"]:
        return None
    return Step("set_aside", container)


def serving_front(found: Found) -> Described | None:
    """The newest proxy that gets new connections."""
    return next((it for it in found.fronts if front.accepts(it)), None)


def _needs_front(found: Found) -> bool:
    """Whether something gets its traffic from the proxy, or did before somebody removed it."""
    live = live_container(found.ours, found.live)
    if live:
        return live["slot"] in labels.BEHIND_PROXY
    return (found.live or {}).get("slot") in labels.BEHIND_PROXY or paused_container(found) is not None


def _surplus_fronts(found: Found) -> list[Step]:
    """Proxies beside the one that serves: they leave, and are removed when they have ended, or never came up.

    Where none serves, the newest is kept to be started, or for the move from the public port.
    """
    if front_differs(found):
        return []  # whoever puts the front back sees to them
    kept, newest = serving_front(found), next(iter(found.fronts), None)
    moves = found.live is not None and not live_slot(found) and newest and newest.get("status") != front.RESTARTING
    if _needs_front(found) or moves:
        kept = kept or newest
    elif found.live is None and found.paused is None:
        return [Step("remove", it) for it in found.fronts]
    others = [it for it in found.fronts if it is not kept]
    gone = [Step("remove", it) for it in others if not it["running"]]
    return gone + [Step("leave", it) for it in others if front.accepts(it)]


def front_differs(found: Found) -> bool:
    """Whether the front is not the one that what serves was deployed with."""
    state = found.front
    if state is None or not _needs_front(found):
        return False
    serves = serving_front(found)
    if serves is None or not state.written or state.running != state.wanted.name:
        return True
    return not front_change.serves(serves, state.wanted, state.home)


def slot_ports(found: Found) -> dict[str, int]:
    """The loopback port of each slot that has a container."""
    return {
        it["slot"]: int(next(iter(it["bindings"].values())).rpartition(":")[2])
        for it in found.ours
        if it["slot"] in labels.BEHIND_PROXY and it.get("bindings")
    }


def slot_protocols(found: Found) -> dict[str, str]:
    """What the container of each slot speaks."""
    return {it["slot"]: it["protocol"] for it in found.ours if it["slot"] in labels.BEHIND_PROXY}


def _front_place(found: Found, state: FrontState) -> front_change.Place:
    page, ports, spoken = bool(found.routes and found.routes.maintenance), slot_ports(found), slot_protocols(found)
    return front_change.Place(state.home, state.app, state.environment, live_slot(found), page, ports, spoken)


def front_steps(found: Found) -> list[Step]:
    """The steps that put it back; what HAProxy loads anew knows nothing of a share that a canary has."""
    return [Step("front"), Step("route", routes=wanted_routes(found))]


def _traffic(found: Found) -> list[Step]:
    if front_differs(found):
        return front_steps(found)
    wanted, newest = wanted_routes(found), next(iter(found.fronts), None)
    if newest and not newest["running"] and not serving_front(found) and _needs_front(found):
        return [Step("start_front", newest), Step("route", routes=wanted)]
    if not any(it["running"] for it in found.fronts):
        return []
    reached = found.routes is not None and not found.routes.misses(wanted) and not found.routes.misunderstood(wanted)
    # Another one that accepts connections still may send them where nothing will be.
    alone = sum(front.accepts(it) for it in found.fronts) <= 1
    agreed = reached and alone and found.routes == wanted and found.next_slot in (live_slot(found), None)
    return [] if agreed else [Step("route", routes=wanted)]


def expired(found: Found, warm_seconds: int, now: datetime) -> Described | None:
    """The running standby whose time is over, None while it lasts."""
    spare = standby(found)
    if not spare or not spare["running"] or not found.live:
        return None
    return spare if (now - parse_time(found.live["time"])).total_seconds() >= warm_seconds else None


def act(engine: Engine, home: Path, found: Found, todo: Sequence[Step], drain_seconds: int = 30) -> list[str]:
    """Do the steps; returns what was done, one phrase each.

    :param drain_seconds: how long requests on a container that is removed may take to finish.
    :raises EngineError, ProxyError: one could not be done.
    """
    marked = standby_mark.marked(home)
    if any(it and it["id"] == marked for it in (live_container(found.ours, found.live), paused_container(found))):
        standby_mark.take_away(home)
    if any(step.routes for step in todo):
        # First of all: what is started or removed below must not meet a proxy that starts with another slot.
        front.Front(home).start_with(live_slot(found), wanted_routes(found).protocols)
    started = [step.container for step in todo if step.verb == "start_front"]
    done = []
    for step in todo:
        told = step.told
        name = str((step.container or {}).get("name"))
        if step.verb in ("remove", "set_aside"):
            if step.container and draining.is_busy(home, found.fronts, step.container, drain_seconds):
                draining.drain(engine, home, found.fronts, step.container, drain_seconds)
            if step.verb == "remove":
                engine.remove(name)
            elif step.container:
                told = f"kept to look at, stopped: {set_aside(engine, home, step.container)}"
        elif step.verb == "stop":
            engine.stop(name, 0)
        elif step.verb == "leave" and step.container:
            front.retire(engine, step.container)
        elif step.verb == "start":
            _start(engine, name, step.container or {})
        elif step.verb == "start_front" and step.container:
            front.start(engine, home, step.container)
        elif step.verb == "front" and found.front:
            front_change.bring(engine, found.front.wanted, _front_place(found, found.front))
        elif step.routes:
            begun = [{**it, "running": it["running"] or it in started} for it in found.fronts]
            if found.front:
                begun = front.containers(engine, found.front.app, found.front.environment)
            front.route(home, begun, step.routes)
        done.append(told)
    return done


def set_aside(engine: Engine, home: Path, container: Described) -> str:
    """Stop a container for good, and free its name and its port; returns the name under which it is kept."""
    if container["restart_policy"] != "no":
        engine.update_restart_policy(container["name"], "no")
    if container["running"]:
        engine.stop(container["name"], FAILED_GRACE_SECONDS)
    if container["slot"] == labels.FAILED:
        return str(container["name"])
    kept = labels.failed_name(home.name, container["run"])
    engine.rename(container["name"], kept)
    return kept


def _start(engine: Engine, name: str, container: Described) -> None:
    try:
        if container.get("status") == PAUSED:
            engine.unpause(name)
        else:
            engine.start(name)
    except EngineError as error:
        raise EngineError(
            f"{name}, which is live, is stopped and cannot be started ({error}): correct that, and run the same "
            "command again"
        ) from error
