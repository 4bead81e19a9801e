"""One environment on its target: where its state is kept, what runs there, and what a run left behind."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Collection, Sequence

from ansible_collections.slipway.core.plugins.module_utils import (
    drift,
    front,
    front_change,
    front_snapshot,
    host,
    labels,
    ledger,
    lock,
    reconcile,
    snapshot,
    way_back,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.history import Bound, History, NoRollback

LEDGER = "ledger.jsonl"
LOCK = "lock.json"
RETENTION = "retention.json"

# Documented by the fragment slipway.core.environment.
OPTIONS: dict[str, dict[str, Any]] = {
    "directory": {"type": "path", "required": True},
    "app": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
}


def explain(error: Exception) -> str:
    """What stopped a module, as a sentence that says what to do."""
    text = way_back.told(error)
    text = text[:1].upper() + text[1:]
    if isinstance(error, ledger.LedgerDamaged):
        return f"{text}: nothing is deployed until you restore that file from a backup and run the same command again."
    if isinstance(error, snapshot.SnapshotDamaged):
        return f"{text}: {_way_out(error)}."
    if isinstance(error, NoRollback):
        return f"{text}: see what ansible-playbook status.yml shows, or ship a release with deploy.yml."
    return f"{text}."


def _way_out(damage: snapshot.SnapshotDamaged) -> str:
    """What to do about a configuration, or the key of all of them, that is not as it was written."""
    if damage.of_key:
        configs = Path(damage.path).with_name("configs")
        return (
            f"restore that file from a backup, or remove {configs}, and with it what rollbacks need, and run the same "
            "command again"
        )
    return (
        "no container is made from it until you restore it from a backup, or deploy that release with those settings "
        "again, which writes it anew"
    )


def home(directory: str, app: str, environment: str) -> Path:
    """The folder that holds the state of one environment of one application."""
    return Path(directory) / f"{app}-{environment}"


def containers(engine: Engine, app: str, environment: str) -> list[dict[str, Any]]:
    """The application's containers of one environment, described, in no particular order."""
    found = engine.containers({labels.APP: app, labels.ENVIRONMENT: environment})
    described = [labels.describe(container) for container in found]
    ours = [container for container in described if container["slot"] != labels.FRONT]
    # Who looks into one with docker commit and docker run makes another with all of its labels.
    named = {(it["run"], it["slot"]) for it in ours if it["name"].startswith(f"{app}-{environment}-")}
    return [it for it in ours if it["name"].startswith(f"{app}-{environment}-") or (it["run"], it["slot"]) not in named]


def find(engine: Engine, params: dict[str, Any], home: Path, history: History) -> reconcile.Found:
    """What there is of one environment.

    :param params: the options of :data:`OPTIONS`.
    :raises ProxyError: the proxy runs and cannot be asked.
    """
    fronts = front.answering(home, front.containers(engine, params["app"], params["environment"]))
    # Whoever deploys without a proxy, and has removed the one that was there, does not want it back.
    given_up = not fronts and not params.get("proxied", True)
    wanted, damage = (None, "") if given_up else front_wanted(home, history)
    return reconcile.Found(
        ours=containers(engine, params["app"], params["environment"]),
        fronts=fronts,
        routes=front.routes(home, fronts),
        live=history.live(),
        paused=history.paused(),
        verified_runs=history.verified_runs(),
        failed_runs=frozenset(history.failed_runs(params.get("keep_failed", 0))),
        next_slot=front.Front(home).next_slot(),
        foreign=foreign(engine.summaries(), params["app"], params["environment"], history.live()),
        loaded=front.loaded(home, fronts),
        front=front_state(params, home, fronts, wanted) if wanted else None,
        front_damage=damage,
    )


def front_wanted(home: Path, history: History) -> tuple[front_snapshot.Front | None, str]:
    """The front that what serves was deployed with; None where no entry tells, or why it cannot be read."""
    name = front_snapshot.with_entry(home, history.live() or history.paused())
    try:
        return (front_snapshot.read(home, name), "") if name else (None, "")
    except (ValueError, snapshot.SnapshotDamaged) as damage:
        return None, str(damage)


def front_state(
    params: dict[str, Any], home: Path, fronts: list[dict[str, Any]], wanted: front_snapshot.Front
) -> reconcile.FrontState:
    """What there is of the front that what serves was deployed with.

    :raises ProxyError: the proxy runs and cannot be asked.
    """
    running = front.serving(home, fronts)
    serves = running[0].settings() if running else None
    return reconcile.FrontState(
        params["app"],
        params["environment"],
        home,
        wanted,
        front_change.is_written(wanted, home),
        serves,
        front_snapshot.told(wanted, front_snapshot.kept(home, serves)),
    )


def foreign(
    everything: Sequence[dict[str, Any]], app: str, environment: str, live: dict[str, Any] | None
) -> dict[str, str]:
    """By name the image of each container that is none of ours, and has a name that one of ours could have.

    :param everything: all containers of the target, as the Engine lists them.
    :param live: the ledger's entry of the live release.
    """
    home = f"{app}-{environment}"
    known = [*(labels.slot_name(home, slot) for slot in labels.BEHIND_PROXY), (live or {}).get("container")]
    found = {}
    for summary in everything:
        if labels.are_of(summary.get("Labels") or {}, app, environment):
            continue
        for name in (str(it).lstrip("/") for it in summary.get("Names") or []):
            if name in known or labels.is_front_name(home, name):
                found[name] = str(summary["Image"])
    return found


def differences(
    engine: Engine, home: Path, container: dict[str, Any], machine: dict[str, Any], entry: dict[str, Any], live: bool
) -> list[drift.Drift]:
    """Where a container of ours is not what its release and the configuration kept for it make of it.

    :param container: described.
    :param machine: what the Engine tells of its machine.
    :param entry: what says its digest and its configuration: the ledger's entry, or what its own labels do.
    :param live: whether it is live, and not the standby.
    :raises SnapshotDamaged: the configuration is not kept.
    """
    details = engine.container(container["id"])
    if details is None:
        return []
    return drift.of_container(
        drift.Seen(
            details=details,
            image=engine.image(details["Image"]),
            machine=machine,
            kept=snapshot.read(str(home), entry["config"], snapshot.load_key(str(home))),
            digest=entry["digest"],
            secret_files=str(snapshot.files(home, entry["config"])),
            live=live,
        )
    )


def disagreements(engine: Engine, home: Path, found: reconcile.Found, machine: dict[str, Any]) -> list[drift.Drift]:
    """All drift of an environment; ``machine`` is what the Engine tells of its machine."""
    told = drift.of_environment(found, home.name)
    serving = reconcile.live_container(found.ours, found.live)
    try:
        kept(home, found.live)
        if serving and found.live:
            told += differences(engine, home, serving, machine, found.live, live=True)
    except snapshot.SnapshotDamaged as damage:
        told.append(damaged(damage))
    return told


def damaged(damage: snapshot.SnapshotDamaged) -> drift.Drift:
    """That what is kept for the live release is not what the ledger's hash stands for, as drift."""
    what = "key of the configurations" if damage.of_key else "kept configuration"
    desired = "as it was written" + (": restore the file from a backup" if damage.of_key else "")
    repair = drift.RESTORE if damage.of_key else drift.REPLACE
    return drift.Drift(what, damage.reason, desired, str(damage), repair)


def unknown(ours: list[dict[str, Any]], history: History, interrupted: lock.Lock | None) -> str:
    """The container that serves although no ledger knows it, as after a ledger was lost or moved; empty for none.

    :param interrupted: the lock that is there, or was taken over; its run, or one before it, may have left such a
        container.
    """
    left = (interrupted.run_id, *interrupted.after) if interrupted else ()
    serving = [
        str(it["name"])
        for it in ours
        if it["running"]
        and it["slot"] != labels.CANDIDATE
        and it["run"] not in left
        and not history.tells_of(it["run"])
    ]
    return serving[0] if history.live() is None and serving else ""


def lost(name: str, path: Path) -> drift.Drift:
    """That a container serves which the ledger at ``path`` does not know, as drift."""
    told = f"{name} serves here, and {path} does not exist"
    return drift.Drift("ledger", "gone", "restored from a backup, or ledger_directory corrected", told, drift.RESTORE)


def refuse_unknown(ours: list[dict[str, Any]], history: History, interrupted: lock.Lock | None, path: Path) -> None:
    """Refuse to touch a container that serves although no ledger knows it.

    :raises ValueError: there is one.
    """
    name = unknown(ours, history, interrupted)
    if name:
        raise ValueError(
            f"{lost(name, path).told}: correct ledger_directory or restore that file from a backup, or remove the "
            f"container with docker rm --force {name}, and run the same command again"
        )


def refuse_foreign_address(address: str) -> None:
    """Refuse an address that nothing could listen on here.

    :raises ValueError: it is none of this machine's.
    """
    if not host.is_own_address(address):
        raise ValueError(f"deploy_bind is {address}, which is no address of this machine: correct it")


def port(
    everything: Sequence[dict[str, Any]], address: str, number: int, mine: Collection[str], variable: str
) -> dict[str, Any]:
    """Whether this environment can have a port: number, free, who holds it otherwise, and the variable it comes from.

    :param everything: all containers of the target, described.
    :param mine: names of containers that may hold it, because they make way or are what shall hold it.
    """
    answer = {"number": number, "variable": variable}
    allowed = {f"container {name}" for name in mine}
    for published in everything:
        if any(place.endswith(f":{number}") for place in published["ports"].values()):
            holder = f"container {published['name']}"
            return {**answer, "free": holder in allowed, "holder": holder}
    if host.port_is_free(address, number):
        return {**answer, "free": True, "holder": ""}
    names = {it["id"]: it["name"] for it in everything}
    holder = host.listener(number, names)
    return {**answer, "free": holder in allowed, "holder": holder}


def digests(engine: Engine, image: str) -> list[str]:
    """The digests of ``image`` that are on the target already."""
    prefix = image + "@"
    return sorted(
        reference[len(prefix) :]
        for found in engine.images(image)
        for reference in found.get("RepoDigests") or []
        if reference.startswith(prefix)
    )


def lock_left(home: Path) -> lock.Lock | None:
    """The lock that is there, whether or not its lease lasts; None without one, or when the file does not tell."""
    try:
        return lock.read(str(home / LOCK))
    except lock.LockDamaged:
        return None


def lock_holder(home: Path, now: datetime) -> dict[str, Any] | None:
    """Whose lock is there: an explanation for people, and whether it is still ``held``; None when there is none."""
    try:
        found = lock.read(str(home / LOCK))
    except lock.LockDamaged as damage:
        return {"explanation": str(damage), "held": True}
    if not found:
        return None
    ended = " and its lease has ended: the next run takes it over, and puts back what is left of that one"
    held = not found.expired(now)
    return {"explanation": found.describe() + ("" if held else ended), "run": found.run_id, "held": held}


def approvals(
    entries: list[ledger.Entry], history: History, environment: str, now: datetime, bound: Bound | None = None
) -> dict[str, dict[str, Any]]:
    """What became of the approval of each digest that was ever approved here, the newest 50 digests.

    :param bound: the configuration and the front that it has to be for; None for any.
    :returns: by digest ``valid``, ``seq`` of the ledger's entry, ``explanation``, a clause for people, and ``config``
        and ``front`` that it is bound to.
    """
    found = {}
    digests = [entry["digest"] for entry in entries if entry["event"] == "approved"]
    for digest in list(dict.fromkeys(reversed(digests)))[:50]:
        approval = history.approval_for(digest, now, environment, bound)
        found[digest] = {
            "valid": approval.valid,
            "seq": approval.entry["seq"] if approval.entry else None,
            "explanation": approval.explanation,
            **{name: (approval.entry or {}).get(name) for name in ("config", "front")},
        }
    return found


def kept(home: Path, live: dict[str, Any] | None) -> snapshot.Configuration | None:
    """The configuration that the live release runs with; None when nothing is live.

    :raises SnapshotDamaged: what is kept is not that.
    """
    return snapshot.read(str(home), live["config"], snapshot.load_key(str(home))) if live else None


def sound(home: Path, live: dict[str, Any] | None) -> snapshot.Configuration | None:
    """The same; None also where what is kept is damaged, which :func:`disagreements` tells of."""
    try:
        return kept(home, live)
    except snapshot.SnapshotDamaged:
        return None
