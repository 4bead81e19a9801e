"""What a deployment needs of its target before anything is touched, each refusal one sentence."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import reclaimable

# A layer is on the disk as it came until it has been unpacked, and unpacked it takes about twice as much.
COPIES = 3


def _version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version such as ``20.10.24+dfsg1``."""
    numbers = []
    for part in text.split(".")[:2]:
        digits = "".join(character for character in part if character.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


def _needed_mb(opened: dict[str, Any], needs: dict[str, Any]) -> tuple[int, int]:
    """MiB that have to be free on Docker's disk, and of these the layers as they come; 0 for an image that is there."""
    absent = needs.get("digest") not in opened["digests"]
    layers = reclaimable.mib(int(needs.get("layers") or 0)) if absent else 0
    return layers * COPIES + int(needs["disk_mb"]), layers


def lacks_disk(opened: dict[str, Any], needs: dict[str, Any]) -> bool:
    """Whether Docker's disk has too little room; the parameters are those of :func:`problem`."""
    return bool(opened["disk"]["free_mb"] < _needed_mb(opened, needs)[0])


def problem(
    host: str, env: str, opened: dict[str, Any], needs: dict[str, Any], freeable: dict[str, Any] | None = None
) -> str:
    """Why the deployment must not begin; empty when it may.

    :param opened: what M(slipway.core.environment_open) reported.
    :param needs: ``docker`` (oldest version), ``disk_mb``, ``state_mb``, ``lease`` and ``phases`` (seconds), ``digest``
        of the release and ``layers`` (bytes in the registry, 0 for unknown).
    :param freeable: what M(slipway.core.reclaimable) reported, None when it was not asked or could not tell.
    """
    again = "and run the same command again."
    engine, disk, state = opened["engine"]["version"], opened["disk"], opened["state_disk"]
    if _version(engine) < _version(str(needs["docker"])):
        return (
            f"Docker Engine {engine} on {host} is older than {needs['docker']}: upgrade the package it came from "
            f"there, {again}"
        )
    if opened["slots"]["foreign"]:
        return f"{opened['slots']['foreign']}."
    if lacks_disk(opened, needs):
        needed, layers = _needed_mb(opened, needs)
        image = f"{COPIES} times the {layers} MiB of the image's layers, and " if layers else ""
        return (
            f"{disk['path']} on {host} has {disk['free_mb']} MiB free and {needed} MiB are needed ({image}"
            f"deploy_disk_min_mb): {_advice(freeable)}, {again}"
        )
    if state["free_mb"] < int(needs["state_mb"]):
        return (
            f"{state['path']} on {host} has {state['free_mb']} MiB free, and the ledger needs {needs['state_mb']} MiB: "
            f"free some, {again}"
        )
    if int(needs["lease"]) <= int(needs["phases"]):
        return (
            f"ledger_lock_lease is {needs['lease']} s, and the time limits of this deployment add up to "
            f"{needs['phases']} s, within which another run could take the lock over: make the lease longer."
        )
    for port in opened["ports"]:
        if not port["free"]:
            return (
                f"Port {port['number']} on {host} is taken by {port['holder']}: stop that, or choose another port in "
                f"group_vars/{env}/vars.yml ({port['variable']})."
            )
    return ""


def _advice(freeable: dict[str, Any] | None) -> str:
    """What to free on Docker's disk."""
    if freeable is None:
        return "free some, for instance with docker builder prune"
    told = reclaimable.told(freeable)
    return f"free some, for instance {told}" if told else "free some or enlarge it, as Docker has nothing unused there"
