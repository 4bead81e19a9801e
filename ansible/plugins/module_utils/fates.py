"""What a failed run has made of the hosts of its environment, and which of them it cannot reach any more."""

from __future__ import annotations

from typing import Any, Mapping, Sequence


def unreachable(result: Mapping[str, Any], host: str) -> str:
    """That a host cannot be reached over SSH, and the reason that SSH gave.

    :param result: what Ansible says of a task that ran on ``host``, or of a loop over hosts that it was delegated to.
    """
    for item in result.get("results") or []:
        if item.get("unreachable"):
            host, result = str(item.get("item", host)), item
    reason = " ".join(str(result.get("msg", "")).split()).rpartition("ssh: ")[2].rstrip(".")
    return (
        f"{host} cannot be reached over SSH, so nothing was changed on it from here on: {reason}. "
        f"Check it with: ansible {host} -m ping"
    )


def out_of_reach(answers: Sequence[Mapping[str, Any]], host: str) -> dict[str, Any]:
    """What failed, in the form of a task and its result, where a host was ``lost``; the last such task counts.

    :param answers: what tasks of a host have registered.
    """
    gone = [answer for answer in answers if answer.get("unreachable")]
    if not gone:
        return {"lost": False}
    return {"lost": True, "task": "", "result": {"msg": unreachable(gone[-1], host)}}


def fates(
    variables: Mapping[str, Any], hosts: Sequence[str], earlier: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What a failed run has made of each host of an environment.

    :param variables: Ansible's ``hostvars``.
    :param hosts: the environment's.
    :param earlier: what came of going back on the hosts of earlier batches, as a loop over them registers it.
    :returns: for each its name as ``host``, whether it ``failed`` itself, whether it had ``switched``, and in a clause
        what ``became`` of it.
    """
    gone_back = {result["item"]: result for result in earlier if "item" in result}
    return [_fate(host, variables[host], gone_back.get(host)) for host in hosts]


def _fate(host: str, known: Mapping[str, Any], gone_back: dict[str, Any] | None) -> dict[str, Any]:
    opened, cause = known.get("__deploy_open") or {}, known.get("__deploy_cause") or {}
    switched = (known.get("__deploy_committed") or {}).get("entry")
    lost = bool(cause.get("lost"))
    failed = lost or bool(cause.get("task"))
    fate = {"host": host, "failed": failed, "switched": bool(switched)}
    undone = (known.get("__deploy_undone") or {}).get("entry")
    if undone and not switched:
        return {**fate, "switched": True, "became": f"{undone['version']} serves there again"}
    if switched:
        return {**fate, "became": _way_back(switched["version"], gone_back or known.get("__deploy_undone") or {})}
    live = opened.get("live")
    if failed and "run" not in opened:
        return {**fate, "became": "nothing was touched there"}
    if lost:
        return {**fate, "became": "it cannot be reached any more, and what serves there is not known"}
    if live:
        return {**fate, "became": f"{live['version']} serves there as before"}
    return {**fate, "became": "nothing serves there, as before" if opened else "not come to, and so not touched"}


def _way_back(version: str, undone: Mapping[str, Any]) -> str:
    if undone.get("entry"):
        return f"{undone['entry']['version']} serves there again"
    why = str(undone.get("story") or undone.get("msg") or "it was not gone back on").rstrip(".")
    return f"{version} serves there still, because {why[:1].lower()}{why[1:]}"
