"""All that the phases of a deployment need to know of its target, looked at once under the lock."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import (
    draining,
    drift,
    environment,
    fingerprints,
    front,
    front_change,
    front_choice,
    front_snapshot,
    host,
    labels,
    ledger,
    lock,
    network,
    reconcile,
    recording,
    run,
    snapshot,
    wanted,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.history import Bound, History


def choose_configuration(
    params: dict[str, Any], home: Path, history: History, check_mode: bool
) -> tuple[str, snapshot.Configuration, dict[str, Any] | None]:
    """What is asked for, with its hash: the configuration given, or the one a rollback's release ran with."""
    if params["kind"] in ("maintenance", "abort", "promote"):
        entry = history.paused() if params["kind"] == "promote" else history.live()
        # A canary can be given up, and a page be shown, whatever became of the configuration.
        kept_now = (environment.kept if params["kind"] == "promote" else environment.sound)(home, entry)
        if entry and kept_now:
            return entry["config"], kept_now, entry
    if params["kind"] == "rollback":
        target = history.rollback_target(params["version"] or None, snapshot.kept(str(home)))
        kept = snapshot.read(str(home), target["config"], snapshot.load_key(str(home)))
        return target["config"], kept, target
    asked = wanted.configuration(params["configuration"], params["secrets"], home.name)
    key = (snapshot.load_key(str(home)) or b"") if check_mode else snapshot.load_or_create_key(str(home))
    return snapshot.config_hash(asked.public, asked.secrets, key), asked, None


def _free_slot(found: reconcile.Found, home: Path) -> str:
    """The slot of the next candidate; where no slot is live one whose name nobody else has, and better an empty one."""
    slots = [slot for slot in labels.BEHIND_PROXY if slot != reconcile.live_slot(found)]
    held = [slot for slot in slots if labels.slot_name(home.name, slot) in found.foreign]
    taken = {it["slot"] for it in found.ours}
    return min(slots, key=lambda slot: (slot in held, slot in taken))


def foreign_name(name: str, image: str) -> str:
    """Why a container that is none of ours stands in the way, and what to do about it."""
    return (
        f"{name}, which runs {image}, is none of Slipway's containers and has a name that it needs: rename it, for "
        f"instance with docker rename {name} {name}-foreign, and run the same command again"
    )


def refuse_foreign_front(found: reconcile.Found, home: Path) -> None:
    """Refuse to replace a container that somebody else has started under a name of the proxy.

    :raises ValueError: there is one.
    """
    for name, image in found.foreign.items():
        if labels.is_front_name(home.name, name):
            raise ValueError(foreign_name(name, image))


def slots(
    engine: Engine, params: dict[str, Any], home: Path, found: reconcile.Found, machine: dict[str, Any]
) -> dict[str, Any]:
    """The slots behind the proxy.

    :returns: ``live`` and ``free`` by name, the ``standby`` and whether it is ``warm`` (it runs, on the port that its
        slot has now, and is as its configuration says), the port of each slot that is ``wanted`` and the ``ports`` of
        containers that are there, the ``sessions`` on the free slot, and ``foreign``: why that cannot be used, because
        somebody else's container has its name.
    """
    name, free = reconcile.live_slot(found), _free_slot(found, home)
    holder = labels.slot_name(home.name, free)
    running = front.serving(home, list(found.fronts))
    spare = reconcile.paused_container(found) or reconcile.standby(found)
    return {
        "live": name,
        "free": free,
        "standby": spare,
        "warm": bool(
            spare
            and spare["running"]
            and spare["slot"] == free
            and _port(spare) == params["slot_ports"][free]
            and _is_as_kept(engine, home, spare, machine)
        ),
        "wanted": params["slot_ports"],
        "ports": {it["slot"]: _port(it) for it in found.ours if it["slot"] in labels.BEHIND_PROXY and it["bindings"]},
        "sessions": sum(proxy.sessions(free) for proxy in running[:1]),
        "foreign": foreign_name(holder, found.foreign[holder]) if params["proxied"] and holder in found.foreign else "",
    }


def _is_as_kept(engine: Engine, home: Path, spare: dict[str, Any], machine: dict[str, Any]) -> bool:
    """Whether a standby is what its release and configuration make of it."""
    try:
        return not environment.differences(engine, home, spare, machine, spare, live=False)
    except snapshot.SnapshotDamaged:
        return False


def _port(container: dict[str, Any]) -> int:
    """The loopback port of a container in a slot, running or not."""
    return int(next(iter(container["bindings"].values())).rpartition(":")[2])


def _public(chosen: front_choice.Choice) -> dict[str, Any]:
    """Where the front that is asked for listens and finds its slots, as options of M(slipway.core.environment_open)."""
    told = chosen.settings
    if told is None:
        return {}
    redirect = int(told["proxy_redirect_port"])
    return {
        "bind": str(told["deploy_bind"]),
        "ports": [int(told["deploy_port"]), *([redirect] if redirect else [])],
        "slot_ports": {slot: int(told[f"proxy_{slot}_port"]) for slot in labels.BEHIND_PROXY},
    }


def _front_differs(found: reconcile.Found, home: Path, asked: front_snapshot.Front) -> bool:
    """Whether something has to be done so that the proxy serves with this front."""
    serves = next((it for it in found.fronts if front.accepts(it)), None)
    as_asked = serves is not None and front_change.serves(serves, asked, home)
    return not (as_asked and found.loaded and front.Front(home).settings() == asked.name)


def proxy(
    params: dict[str, Any], found: reconcile.Found, home: Path, asked: front_snapshot.Front | None
) -> dict[str, Any]:
    """The proxy as it is: its containers, what is written for its next start, and whether it runs with that already."""
    files = front.Front(home)
    page = bool(found.routes and found.routes.maintenance)
    slot, ports = reconcile.live_slot(found), reconcile.slot_ports(found)
    spoken = reconcile.slot_protocols(found)
    place = front_change.Place(home, params["app"], params["environment"], slot, page, ports, spoken)
    image = str(asked.settings[front_change.IMAGE]) if asked else ""
    return {
        "wanted": front_change.config(asked, place) if asked else "",
        "differs": asked is not None and _front_differs(found, home, asked),
        "image": image,
        "front": asked.name if asked else "",
        "name": front_change.name(asked, home) if asked else "",
        "fronts": [{name: it[name] for name in ("name", "proxy", "running")} for it in found.fronts],
        "config": files.config(),
        "loaded": found.loaded,
        "maintenance": page,
    }


def ports(
    engine: Engine, params: dict[str, Any], home: Path, found: reconcile.Found, public: dict[str, Any]
) -> list[dict[str, Any]]:
    """Each port that this deployment needs, with whether it can have it and who holds it otherwise.

    A port is free for us as well while a container of this environment, or its proxy, listens on it. The proxy listens
    on those of its configuration, unless it has not loaded that.
    """
    everything = [labels.describe(details) for details in engine.containers()]
    mine = {container["name"] for container in found.ours}
    if not params["proxied"]:
        address, number = str(public.get("bind", params["bind"])), int(public.get("port", params["ports"][0]))
        environment.refuse_foreign_address(address)
        return [environment.port(everything, address, number, mine, "deploy_port")]
    environment.refuse_foreign_address(params["bind"])
    opened = front.Front(home).ports() if found.loaded and any(it["running"] for it in found.fronts) else set()
    free = _free_slot(found, home)
    public_holders = mine | {it["name"] for it in found.fronts}
    needed = [
        environment.port(everything, params["bind"], number, public_holders, "deploy_port, proxy_redirect_port")
        for number in params["ports"]
        if number not in opened
    ]
    slot_port = params["slot_ports"][free]
    return [*needed, environment.port(everything, "127.0.0.1", slot_port, mine, f"proxy_{free}_port")]


def refuse_waiting_canary(kind: str, history: History) -> None:
    """Refuse to pass over a canary that waits for a person, and to decide on one that does not.

    :raises ValueError: with what to do.
    """
    waiting = history.paused()
    if waiting and kind in ("deploy", "rollback"):
        raise ValueError(
            f"a canary of {waiting['version']} waits since {waiting['time'][:19]} for a person: run deploy.yml with "
            "-e canary=promote or -e canary=abort first"
        )
    if not waiting and kind in ("promote", "abort"):
        raise ValueError(f"no canary waits here, so there is none to {kind}: begin one with -e canary=pause")


def found_and_reconciled(
    engine: Engine,
    params: dict[str, Any],
    home: Path,
    history: History,
    now: datetime,
    check_mode: bool,
    interrupted: lock.Lock | None,
) -> tuple[reconcile.Found, list[str], list[drift.Drift]]:
    """What there is, after what an interrupted run left has been undone; and what was, or would be, done for that."""
    found = environment.find(engine, params, home, history)
    if params["proxied"]:
        refuse_foreign_front(found, home)
    before = drift.of_environment(found, home.name)
    mended = [it for it in before if it.repair == drift.RECONCILE]
    if check_mode:
        return found, [step.planned for step in reconcile.steps(found)], mended
    todo = reconcile.steps(found)
    unfinished = interrupted_runs(interrupted, history)
    if todo or unfinished:
        # Before anything is undone: were this run killed meanwhile, the next one would find nothing to tell of.
        fields = {"run": params["run"], "actor": params["owner"], "evidence": left_behind(found), **unfinished}
        planned = [step.planned for step in todo]
        recording.append(str(home / environment.LEDGER), "aborted", {**fields, "reconciled": planned})
    done = reconcile.act(engine, home, found, todo, params["drain_timeout"])
    if todo:
        found = environment.find(engine, params, home, history)
    spare = reconcile.expired(found, params["warm_standby"], now)
    if spare:
        draining.drain(engine, home, found.fronts, spare, params["drain_timeout"])
        done.append(f"stopped {spare['name']}, whose time as standby is over")
        found = environment.find(engine, params, home, history)
    return found, done, mended


def interrupted_runs(found: lock.Lock | None, history: History) -> dict[str, Any]:
    """The runs of a lock that was taken over whose end no entry tells of, as a field of one that does."""
    if not found:
        return {}
    earlier = [run_before for run_before in found.after if not history.tells_of(run_before)]
    if not earlier and history.tells_of(found.run_id):
        return {}
    started = ledger.format_time(found.started)
    told = {"run": found.run_id, "owner": found.owner, "host": found.host, "started": started, "after": earlier}
    return {"interrupted": told}


def left_behind(found: reconcile.Found) -> dict[str, Any]:
    """What was there before anything was reconciled, for the ledger."""
    return {
        "containers": [{name: it[name] for name in ("name", "version", "run", "status")} for it in found.ours],
        "traffic": found.routes.described if found.routes else None,
        "after_restart": found.next_slot,
    }


def _bound(home: Path, config: str, asked: snapshot.Configuration, chosen: front_choice.Choice) -> Bound:
    """What an approval has to be bound to."""
    key = snapshot.load_key(str(home)) or b""
    return Bound(config, chosen.hash, fingerprints.of(asked, chosen.front, key) if key else {})


def report(
    params: dict[str, Any], home: Path, engine: Engine, now: datetime, check_mode: bool, interrupted: lock.Lock | None
) -> dict[str, Any]:
    """All that the phases after this one need to know; undoes an interrupted run's leftovers first.

    :param params: the options of M(slipway.core.environment_open).
    :param interrupted: the lock that was taken over, None when there was none.
    """
    entries = ledger.read(str(home / environment.LEDGER))
    history = History(entries)
    live = history.live()
    refuse_waiting_canary(params["kind"], history)
    config, asked, target = choose_configuration(params, home, history, check_mode)
    running = environment.sound(home, live)
    image = str((target or {}).get("image") or params["image"])
    params = {**params, "strategy": front_choice.strategy(params, history, target)}
    params["proxied"] = params["strategy"] != front_choice.RECREATE
    chosen = front_choice.choose(params, home, history, target, check_mode)
    params.update(_public(chosen))
    live_front = front_snapshot.kept(home, front_snapshot.with_entry(home, live))
    # Before the proxy is looked for: with another ledger_directory its sockets would be looked for in the wrong folder.
    ours = environment.containers(engine, params["app"], params["environment"])
    environment.refuse_unknown(ours, history, interrupted, home / environment.LEDGER)
    network.refuse_missing(engine, asked.public["networks"], params["app"], params["environment"])
    found, reconciled, mended = found_and_reconciled(engine, params, home, history, now, check_mode, interrupted)
    serving = reconcile.live_container(found.ours, live)
    machine = engine.info()
    return {
        "home": str(home),
        "run": {
            "id": params["run"],
            "owner": params["owner"],
            "controller": params["host"],
            "started": run.started(params["run"]),
        },
        "live": live,
        "paused": found.paused,
        "live_spec": (running or asked).public if live else None,
        "serving": serving if serving and serving["running"] else None,
        "slots": slots(engine, params, home, found, machine),
        "proxy": proxy(params, found, home, chosen.front),
        "config": config,
        "spec": asked.public,
        "config_kept": snapshot.is_sound(str(home), config),
        "config_diff": snapshot.diff_keys(running, asked),
        "front": chosen.hash,
        "certificate": chosen.certificate,
        "front_diff": front_snapshot.diff(live_front, chosen.front),
        "front_settings": chosen.settings,
        "live_front_settings": front_snapshot.public(live_front),
        "target": target,
        "strategy": params["strategy"],
        "approvals": environment.approvals(
            entries, history, params["environment"], now, _bound(home, config, asked, chosen)
        ),
        "image": image,
        "digests": environment.digests(engine, image),
        "disk": host.disk(machine["DockerRootDir"]),
        "state_disk": host.disk(str(home)),
        "ports": ports(engine, params, home, found, asked.public),
        "engine": {"version": engine.version()["Version"]},
        "reconciled": reconciled,
        "mended": [it.data() for it in mended],
        "drift": [it.data() for it in environment.disagreements(engine, home, found, machine)],
    }
