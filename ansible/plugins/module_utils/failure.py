"""What a failed deployment says, in one place: to the terminal, to the ledger and to CI."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import redact

LOG_CHARACTERS = 180
ANSWER_CHARACTERS = 300
UNTOUCHED = "Nothing that serves was touched: mend this, then run the same command again."
BEFORE_THE_ATTEMPT = ("lock", "resolve", "gate", "preflight", "pull", "")


def phase_of(task: str) -> str:
    """The phase a task belongs to: the part of its name before the bar."""
    head, bar, _ = task.rsplit(" : ", 1)[-1].partition(" | ")
    return head.strip().lower() if bar else ""


def report(facts: dict[str, Any]) -> dict[str, Any]:
    """Put a failure in words.

    :param facts: env, kind, host, task and result (what failed), aftermath (why putting the old release back failed
        too, or empty), release, container (state and logs of the container that failed), serving (what
        M(slipway.core.environment_info) reports afterwards), secrets.
    :returns: ``text`` for people, and ``entry``, the fields of the ledger's ``failed`` event. Secrets are hidden
        in both.
    """
    secrets = [str(secret) for secret in facts["secrets"]]
    phase = phase_of(facts["task"])
    reason = redact.hide(_sentence(facts["result"]), secrets)
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
        },
        "serving": serving,
    }
    if phase in BEFORE_THE_ATTEMPT:
        return {"entry": entry, "text": f"{reason} {UNTOUCHED}" if phase == "pull" else reason}
    return {"entry": entry, "text": "\n".join(_story(facts, entry, container))}


def _story(facts: dict[str, Any], entry: dict[str, Any], container: dict[str, Any]) -> list[str]:
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
    lines.append(
        f"  next:        mend it and ship a new build (build.yml, then deploy.yml -e env={env}); "
        "status.yml shows the history"
    )
    return lines


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
