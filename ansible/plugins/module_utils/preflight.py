"""What a deployment needs of its target before anything is touched, each refusal one sentence."""

from __future__ import annotations

from typing import Any


def _version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version such as ``20.10.24+dfsg1``."""
    numbers = []
    for part in text.split(".")[:2]:
        digits = "".join(character for character in part if character.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


def problem(host: str, env: str, opened: dict[str, Any], needs: dict[str, Any]) -> str:
    """Why the deployment must not begin; empty when it may.

    :param opened: what M(slipway.core.environment_open) reported.
    :param needs: ``docker`` (oldest version), ``disk_mb``, ``state_mb``, ``lease`` and ``phases`` (seconds).
    """
    again = "and run the same command again."
    engine, disk, state = opened["engine"]["version"], opened["disk"], opened["state_disk"]
    if _version(engine) < _version(str(needs["docker"])):
        return (
            f"Docker Engine {engine} on {host} is older than {needs['docker']}: upgrade the package it came from "
            f"there, {again}"
        )
    if disk["free_mb"] < int(needs["disk_mb"]):
        return (
            f"{disk['path']} on {host} has {disk['free_mb']} MiB free and {needs['disk_mb']} MiB are needed "
            f"(deploy_disk_min_mb): free some, for instance with docker image prune, {again}"
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
