"""What a failed deployment says, in one place: to the terminal, to the ledger and to CI."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ansible_collections.slipway.core.plugins.module_utils import redact, verdict

LOG_CHARACTERS = 180
ANSWER_CHARACTERS = 300
UNTOUCHED = "Nothing that serves was touched: mend this, then run the same command again."
# How the name of the task ends that asks the public address from the controller.
FROM_CONTROLLER = "from the controller"
# What only modules return that judged the release itself: its health, or its answers.
JUDGED = ("probes", "evidence", "body")
BEFORE_THE_ATTEMPT = ("lock", "resolve", "gate", "preflight", "pull", "")


def phase_of(task: str) -> str:
    """The phase a task belongs to: the part of its name before the bar."""
    head, bar, _ = task.rsplit(" : ", 1)[-1].partition(" | ")
    return head.strip().lower() if bar else ""


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


def report(facts: dict[str, Any]) -> dict[str, Any]:
    """Put a failure in words.

    :param facts: env, kind, host, task and result (what failed; no task where another host did), aftermath (why putting
        the old release back failed too, or empty), release, container (state and logs of the container that failed),
        serving (what M(slipway.core.environment_info) reports afterwards), secrets, hosts (see :func:`fates`).
    :returns: ``text`` for people, and ``entry``, the fields of the ledger's ``failed`` event. Secrets are hidden
        in both.
    """
    secrets = [str(secret) for secret in facts["secrets"]]
    phase = phase_of(facts["task"])
    hosts = facts.get("hosts") or []
    culprits = ", ".join(fate["host"] for fate in hosts if fate["failed"])
    elsewhere = culprits and not next(fate["failed"] for fate in hosts if fate["host"] == facts["host"])
    reason = f"{culprits} failed." if elsewhere else redact.hide(_sentence(facts["result"]), secrets)
    container = facts["container"] or {}
    logs = [redact.hide(str(line), secrets)[:LOG_CHARACTERS] for line in container.get("logs") or []]
    answer = " ".join(redact.hide(str(facts["result"].get("body") or ""), secrets).split())[:ANSWER_CHARACTERS]
    release = facts["release"] or {}
    serving = _serving(facts["serving"] or {})
    entry = {
        "kind": facts["kind"],
        "version": release.get("version"),
        "digest": release.get("digest"),
        "commit": release.get("commit"),
        "phase": phase,
        "reason": reason,
        "evidence": {
            "answer": answer,
            "exit_code": None if container.get("running") else container.get("exit_code"),
            "logs": logs,
            "traffic": facts["result"].get("evidence") or facts["result"].get("soak"),
        },
        "serving": serving,
    }
    if elsewhere:
        mine = next(fate["became"] for fate in hosts if fate["host"] == facts["host"])
        return {"entry": entry, "text": f"{facts['host']} was given up, because {culprits} failed: {mine}."}
    others = [f"{fate['host']}: {fate['became']}" for fate in hosts if fate["host"] != facts["host"]]
    if phase in BEFORE_THE_ATTEMPT:
        text = f"{reason} {UNTOUCHED}" if phase == "pull" else reason
        undone = any(fate["switched"] for fate in hosts)
        return {"entry": entry, "text": "\n".join([text, *_listed("other hosts:", others)]) if undone else text}
    return {"entry": entry, "text": "\n".join(_story(facts, entry, container, others))}


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


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"  {title if not number else '':<12} {line}" for number, line in enumerate(lines)]


def _story(facts: dict[str, Any], entry: dict[str, Any], container: dict[str, Any], others: Sequence[str]) -> list[str]:
    env, version = facts["env"], entry["version"]
    failed = "was not deployed to" if facts["kind"] == "deploy" else "could not be restored in"
    lines = [f"{version} {failed} {env} on {facts['host']}: {entry['phase']}: {entry['reason']}"]
    if entry["evidence"]["answer"]:
        lines.append(f"  answer:      {entry['evidence']['answer']}")
    if container.get("exists"):
        state = "still running" if container["running"] else f"exited with code {container['exit_code']}"
        lines.append(f"  container:   {container['name']}, {state}")
    lines += [f"    | {line}" for line in entry["evidence"]["logs"]]
    if facts["aftermath"]:
        lines.append(f"  putting the old release back failed too: {facts['aftermath']}")
    lines.append(f"  serving now: {entry['serving']}")
    lines += _listed("other hosts:", others)
    lines.append(f"  next:        {_next(facts)}; status.yml shows the history")
    return lines


def _next(facts: dict[str, Any]) -> str:
    """What helps: another build helps only where the release itself was found bad."""
    result = facts["result"]
    if facts["task"].endswith(FROM_CONTROLLER):
        where = result.get("url") or "its public address"
        return (
            f"it is healthy on {facts['host']}, and not at {where} from here: check firewall, deploy_port and "
            "deploy_public_url, and run the same command again"
        )
    if verdict.UNDECIDED in str(result.get("msg")):
        return (
            "send it more requests, or change deploy_canary_min_requests, deploy_canary_deadline or "
            "deploy_canary_on_too_few, and run the same command again"
        )
    judged = any(name in result for name in JUDGED)
    if judged and "exists" not in (facts["container"] or {}):
        # No candidate was made: the live release is the one asked for.
        return f"it is live: see its log on {facts['host']}, and go back with rollback.yml or ship a new build"
    if judged:
        way = "" if facts["env"] == "staging" else "staging and approve.yml, "
        return f"mend it and ship a new build (build.yml, then {way}deploy.yml -e env={facts['env']})"
    return "put that right, and run the same command again"


def _serving(report_of: dict[str, Any]) -> str:
    live, container = report_of.get("live"), report_of.get("serving")
    if not live:
        return "nothing, as before: this was the first deployment"
    if not container or not container["running"]:
        return f"nothing: the container of {live['version']} does not run, deploy again"
    return f"{live['version']} ({live['digest'][:19]}), with the configuration {live['config']} it had"


def _sentence(result: dict[str, Any]) -> str:
    failed = [item["msg"] for item in result.get("results") or [] if item.get("failed") and item.get("msg")]
    text = str((failed or [result.get("msg") or "it failed without a message"])[0]).strip()
    return text if text.endswith((".", "!", "?")) else text + "."
