"""What a failed deployment says, in one place: to the terminal, to the ledger and to CI."""

from __future__ import annotations

from typing import Any, Sequence

from ansible_collections.slipway.core.plugins.module_utils import redact, shown, verdict

LOG_CHARACTERS = 180
ANSWER_CHARACTERS = 300
UNTOUCHED = "Nothing that serves was touched: mend this, then run the same command again."
# How the name of the task ends that asks the public address from the controller.
FROM_CONTROLLER = "from the controller"
# What only modules return that judged the release itself: its health, or its answers.
JUDGED = ("probes", "evidence", "body")
FAILED = {
    "deploy": "was not deployed to",
    "rollback": "could not be restored in",
    "promote": "was not promoted in",
    "abort": "was not given up in",
}
BEFORE_THE_ATTEMPT = ("lock", "resolve", "gate", "preflight", "pull", "")


def phase_of(task: str) -> str:
    """The phase a task belongs to: the part of its name before the bar."""
    head, bar, _ = task.rsplit(" : ", 1)[-1].partition(" | ")
    return head.strip().lower() if bar else ""


def report(facts: dict[str, Any]) -> dict[str, Any]:
    """Put a failure in words.

    :param facts: env, kind, host, task and result (what failed; no task where another host did), aftermath (why putting
        the old release back failed too, or empty), release, container (state and logs of the container that failed),
        serving (what M(slipway.core.environment_info) reports afterwards, or its ``msg`` when it could not), secrets
        (None when they could not be read: then nothing is told that may hold one), hosts (see :func:`fates`).
    :returns: ``text`` for people, and ``entry``, the fields of the ledger's ``failed`` event. Secrets are hidden
        in both, and control characters are made visible. The first cause is told whatever else cannot be.
    """
    try:
        told: dict[str, Any] = shown.plain(_report(facts))
    except Exception as error:
        told = shown.plain(_bare(facts, error))
    return told


def _bare(facts: dict[str, Any], error: Exception) -> dict[str, Any]:
    """What failed, where the rest of the report could not be made."""
    secrets = [str(secret) for secret in facts.get("secrets") or []]
    reason = redact.hide(_sentence(facts.get("result") or {}), secrets)
    unclear = redact.hide(f"{type(error).__name__}: {error}", secrets)
    release = facts.get("release") or {}
    entry: dict[str, Any] = {
        "kind": facts.get("kind"),
        "version": release.get("version"),
        "digest": release.get("digest"),
        "commit": release.get("commit"),
        "phase": phase_of(str(facts.get("task") or "")),
        "reason": reason,
        "evidence": {},
        "serving": "not known",
    }
    text = f"{reason} What it left could not be put in words ({unclear}), and status.yml tells what serves."
    return {"entry": entry, "text": text}


def _report(facts: dict[str, Any]) -> dict[str, Any]:
    secrets = [str(secret) for secret in facts["secrets"] or []]
    facts = {**facts, "aftermath": redact.hide(str(facts["aftermath"] or ""), secrets)}
    told = facts["secrets"] is not None
    phase = phase_of(facts["task"])
    hosts = facts.get("hosts") or []
    culprits = ", ".join(fate["host"] for fate in hosts if fate["failed"])
    elsewhere = culprits and not next(fate["failed"] for fate in hosts if fate["host"] == facts["host"])
    reason = f"{culprits} failed." if elsewhere else redact.hide(_sentence(facts["result"]), secrets)
    container = facts["container"] or {}
    logs = [
        shown.line(redact.hide(str(line), secrets))[:LOG_CHARACTERS] for line in (container.get("logs") or []) if told
    ]
    body = str(facts["result"].get("body") or "") if told else ""
    answer = shown.line(" ".join(redact.hide(body, secrets).split()))[:ANSWER_CHARACTERS]
    release = facts["release"] or {}
    serving = redact.hide(_serving(facts["serving"] or {}), secrets)
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
    return {"entry": entry, "text": "\n".join(map(_hanging, _story(facts, entry, container, others)))}


def _hanging(line: str) -> str:
    """A part of the story, of which no further line can be taken for the next part."""
    return line.replace("\n", "\n    ")


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"  {title if not number else '':<12} {line}" for number, line in enumerate(lines)]


def _story(facts: dict[str, Any], entry: dict[str, Any], container: dict[str, Any], others: Sequence[str]) -> list[str]:
    env, version = facts["env"], entry["version"]
    lines = [f"{version} {FAILED[facts['kind']]} {env} on {facts['host']}: {entry['phase']}: {entry['reason']}"]
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
    container = facts["container"] or {}
    if judged and "exists" not in container and not container.get("msg"):
        # No candidate was made, and none was looked for in vain: the live release is the one asked for.
        return f"it is live: see its log on {facts['host']}, and go back with rollback.yml or ship a new build"
    live = (facts["serving"] or {}).get("live") or {}
    if judged and live.get("digest") == (facts["release"] or {}).get("digest"):
        return "its image is the one that is live, so look at the settings that differ, and run the same command again"
    if judged:
        way = "" if facts["env"] == "staging" else "staging and approve.yml, "
        return f"mend it and ship a new build (build.yml, then {way}deploy.yml -e env={facts['env']})"
    return "put that right, and run the same command again"


def _serving(report_of: dict[str, Any]) -> str:
    live, container = report_of.get("live"), report_of.get("serving")
    if "live" not in report_of:
        return f"not known ({_sentence(report_of).rstrip('.')}): status.yml tells, once that is mended"
    if not live:
        return "nothing, as before: this was the first deployment"
    if not container or not container["running"]:
        return f"nothing: the container of {live['version']} does not run, deploy again"
    return f"{live['version']} ({live['digest'][:19]}), with the configuration {live['config']} it had"


def _sentence(result: dict[str, Any]) -> str:
    failed = [item["msg"] for item in result.get("results") or [] if item.get("failed") and item.get("msg")]
    text = str((failed or [result.get("msg") or "it failed without a message"])[0]).strip()
    return text if text.endswith((".", "!", "?")) else text + "."
