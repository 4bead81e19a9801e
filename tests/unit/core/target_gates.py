"""What a release is and whether it may go on, for runs on a target in memory: the real decisions, checked by others."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import gates, ledger
from ansible_collections.slipway.core.plugins.module_utils.registry import RegistryError
from ansible_collections.slipway.core.plugins.module_utils.release import resolve as resolve_tag
from ansible_collections.slipway.core.plugins.modules import ledger_entry
from target_model import Target
from target_modules import TaskFailed, call


def resolve(target: Target, env: str, version: str) -> dict[str, Any]:
    """The release that an environment gets, as the roles' resolve_<env>.yml find it."""
    if env == "staging":
        try:
            return resolve_tag(target.registry, "1.0", version, "")  # type: ignore[arg-type]
        except RegistryError as error:
            raise TaskFailed(msg=str(error)) from None
    history = target.history("staging")
    seen = {"live": history.live(), "verified": history.find_verified(version) if version else None}
    try:
        release = gates.promotable([seen], version)
    except gates.Refused as refusal:
        raise TaskFailed(msg=str(refusal)) from None
    verified = [entry for entry in target.entries("staging") if entry["event"] == "deployed"]
    asked = [entry["digest"] for entry in verified if version in ("", entry["version"])]
    assert release["digest"] == asked[-1], "production gets another digest than staging verified"
    return release


def ask_gate(target: Target, release: dict[str, Any], approvals: dict[str, Any], bound: dict[str, str]) -> int:
    """The approval of a release, checked against the ledger without asking what asks it."""
    try:
        number = gates.approval(release, approvals, bound["config"], bound["front"])
    except gates.Refused as refusal:
        raise TaskFailed(msg=str(refusal)) from None
    entries = target.entries("production")
    (given,) = [entry for entry in entries if entry["seq"] == number]
    assert (given["event"], given["digest"]) == ("approved", release["digest"]), "approved is another release"
    assert given["config"] == bound["config"], "approved is another configuration"
    assert given["front"] == bound["front"], "approved is another front"
    assert ledger.parse_time(given["expires"]) > target.now, "the approval has expired"
    assert all(entry.get("approval") != number for entry in entries), "the approval has been used"
    return number


def approve(target: Target, version: str, hours: float, configuration: dict[str, Any], front: dict[str, Any]) -> None:
    """approve.yml: consent to what staging has verified, with a configuration and a front, in production's ledger."""
    target.begin_run("")
    release = resolve(target, "production", version)
    fields = {
        "environment": "production",
        "version": release["version"],
        "digest": release["digest"],
        "approved_by": "alice",
        "expires": ledger.format_time(target.now + timedelta(hours=hours)),
    }
    where = {"directory": str(target.home("production")), "event": "approved"}
    bound = {"configuration": configuration, "secrets": json.dumps({"env": {}, "files": {}}), "front": front}
    call(target, ledger_entry, **where, fields=fields, **bound)
