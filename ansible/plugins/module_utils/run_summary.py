"""What a run did, for CI: Markdown for the summary of a job, and outputs for its next steps.

Both are views of the run's events, and of nothing else.

An event is what the callback slipway.core.story writes: ``phase``, ``step``, ``host``, ``status``, ``seconds``, and
what a step tells of ``story``, ``entry`` (of the ledger), ``release``, ``live``, ``url``, ``probes`` and ``message``.
"""

from __future__ import annotations

import re
from typing import Any, Iterable

from ansible_collections.slipway.core.plugins.module_utils import shown

Event = dict[str, Any]

SHORTEST_PHASE_SECONDS = 0.05
OUTCOMES = {
    "deployed": "serves",
    "approved": "is approved for",
    "failed": "was not brought to",
    "paused": "waits for a person in",
    "aborted": "was given up in",
}


def markdown(verb: str, events: list[Event], seconds: float, failed: bool) -> str:
    """The section of one run.

    :param verb: the playbook that ran, such as ``deploy.yml``.
    :param events: what happened, in order.
    :param seconds: how long the whole run took.
    """
    entry, release = _last(events, "entry"), _last(events, "release")
    lines = [f"### {'❌' if failed else '✅'} {shown.markdown(_title(verb, entry, release, failed))}", ""]
    if failed:
        messages = [shown.visible(event["message"]) for event in events if event.get("message")]
        fence = _fence(messages)
        lines += [f"{fence}text", *messages, fence, ""]
    lines += _facts(events, entry, release, seconds, failed)
    lines += _health(events)
    lines += _phases(events)
    return "\n".join(lines) + "\n"


def outputs(events: list[Event]) -> dict[str, str]:
    """What further steps may want to know: the release's version, build, commit, digest and image, and its url."""
    release = _last(events, "release")
    known = {name: release.get(name) for name in ("version", "build", "commit", "digest", "image")}
    known["url"] = _address(events)
    return {name: shown.line(" ".join(str(value).split())) for name, value in known.items() if value}


def _address(events: list[Event]) -> str:
    """Where the release was found healthy last, which is its public address when it was deployed."""
    checked = [event for event in events if event["phase"] in ("verify", "health") and event.get("url")]
    return str(checked[-1]["url"]) if checked else ""


def _last(events: list[Event], name: str) -> dict[str, Any]:
    return next((dict(event[name]) for event in reversed(events) if event.get(name)), {})


def _fence(texts: list[str]) -> str:
    """A fence for code that none of these texts can end."""
    longest = max((len(found) for text in texts for found in re.findall("~+", text)), default=0)
    return "~" * max(3, longest + 1)


def _title(verb: str, entry: dict[str, Any], release: dict[str, Any], failed: bool) -> str:
    if entry.get("version") and entry.get("environment"):
        return f"{entry['version']} {OUTCOMES[entry['event']]} {entry['environment']}"
    if failed:
        return f"{verb} was refused" if not entry else f"{verb} failed"
    return f"{verb}: {release['version']}" if release.get("version") else verb


def _facts(
    events: list[Event], entry: dict[str, Any], release: dict[str, Any], seconds: float, failed: bool
) -> list[str]:
    known = {**release, **{name: value for name, value in entry.items() if value}}
    rows = [[name, known[name]] for name in ("version", "digest", "commit", "image") if known.get(name)]
    if entry.get("event") == "deployed":
        rows.append(["replaced", _release(entry.get("replaced"))])
    if entry.get("event") == "deployed" and entry.get("reason"):
        rows.append(["reason", entry["reason"]])
    if entry.get("event") == "approved":
        rows.append(["approved by", f"{entry['approved_by']} ({entry['approved_via']})"])
    if failed and any("live" in event for event in events):
        rows.append(["serves now", entry.get("serving") or f"{_release(_last(events, 'live'))}, untouched"])
    if _address(events) and not failed:
        rows.append(["address", _address(events)])
    rows.append(["took", f"{seconds:.1f} s"])
    return _table(["", ""], rows)


def _release(known: Any) -> str:
    return f"{known['version']} ({known['digest'][:19]})" if known else "nothing"


def _health(events: list[Event]) -> list[str]:
    rows = [
        [
            event["host"],
            event["step"],
            f"{event.get('url', '')}{probe['path']}",
            probe["trouble"] or f"status {probe['status']}",
            f"{probe['at']:.2f} s",
            f"{probe['seconds']:.2f} s",
        ]
        for event in events
        for probe in event.get("probes") or []
    ]
    return _table(["host", "health check", "asked", "answer", "after", "took"], rows) if rows else []


def _phases(events: list[Event]) -> list[str]:
    spent: dict[str, float] = {}
    for event in events:
        if event["phase"]:
            spent[event["phase"]] = spent.get(event["phase"], 0.0) + event["seconds"]
    rows = [[phase, f"{took:.1f} s"] for phase, took in spent.items() if took >= SHORTEST_PHASE_SECONDS]
    return _table(["phase", "took"], rows) if rows else []


def _table(header: list[str], rows: Iterable[list[Any]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(map(_cell, line)) + " |" for line in lines), ""]


def _cell(value: Any) -> str:
    return shown.markdown(str(value))
