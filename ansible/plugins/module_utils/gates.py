"""The gates of production: what may be promoted, and with whose consent. Pure decisions."""

from __future__ import annotations

from typing import Any

FIELDS = ("version", "build", "commit", "digest", "image")

DIRTY = "-dirty"
"""The end of the commit of what was built with uncommitted changes."""


class Refused(Exception):
    """A gate is closed; the message is one sentence that names the cause and the next command."""


def promotable(staging: list[dict[str, Any]], version: str, digest: str = "") -> dict[str, Any]:
    """The release that production gets: the one verified in staging, by its digest.

    A tag that has moved since changes nothing, because no tag is asked.

    :param staging: what M(slipway.core.environment_info) reports of each staging host.
    :param version: the version asked for; empty for what is live in staging.
    :param digest: the digest that it has to be; empty for whichever staging verified.
    :raises Refused: nothing suitable is verified in staging.
    """
    deploy = "ansible-playbook deploy.yml -e env=staging"
    found = [report["verified"] if version else report["live"] for report in staging]
    if not found or not all(found):
        if version:
            raise Refused(
                f"{version} was never verified in staging, so production does not accept it: "
                f"run {deploy} -e version={version} first."
            )
        raise Refused(f"Nothing is verified in staging yet, so there is nothing to promote: run {deploy} first.")
    if len({entry["digest"] for entry in found}) > 1:
        raise Refused(f"The staging hosts run different releases: run {deploy} first.")
    if str(found[0].get("commit") or "").endswith(DIRTY):
        raise Refused(
            f"{found[0]['version']} was built from uncommitted changes on commit {found[0]['commit'][:7]}, so "
            f"production does not accept it: commit them, run ansible-playbook build.yml, and {deploy}."
        )
    if digest and digest != found[0]["digest"]:
        raise Refused(
            f"Staging verified {found[0]['version']} as {found[0]['digest'][:19]}, and {digest[:19]} was asked for: "
            f"run {deploy} -e digest={digest} first."
        )
    return {field: found[0].get(field) for field in FIELDS}


def unapproved(reports: dict[str, dict[str, Any]], digest: str) -> list[str]:
    """The hosts on which no approval lets this digest in with the configuration that it would have there.

    :param reports: by host what M(slipway.core.environment_info) reports of it and that configuration.
    """
    return [host for host, seen in reports.items() if not (seen["approvals"].get(digest) or {}).get("valid")]


def approval(release: dict[str, Any], approvals: dict[str, Any], config: str, front: str) -> int:
    """The ledger entry of the approval that lets this release into production.

    :param approvals: what M(slipway.core.environment_open) reports, by digest.
    :param config: hash of the configuration that it is deployed with.
    :param front: hash of the front that it is deployed with; empty where no proxy owns the public port.
    :raises Refused: there is no approval for this digest, configuration and front, it expired, or it was used up.
    """
    approve = f"ansible-playbook approve.yml -e version={release['version']}"
    known = approvals.get(release["digest"])
    given = (known.get("config"), known.get("front") or "") if known and known["valid"] else None
    if known and given == (config, front):
        return int(known["seq"])
    if known:
        raise Refused(f"{release['version']} needs a new approval, because {known['explanation']}: run {approve}.")
    others = [entry["explanation"] for entry in approvals.values() if entry["valid"]]
    hint = f" (there is one for another digest: {others[0]})" if others else ""
    raise Refused(
        f"{release['version']} ({release['digest'][:19]}) is not approved for production{hint}: run {approve}."
    )
