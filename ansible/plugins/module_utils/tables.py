"""Status and approval requests as text for people."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import labels, shown

ENVIRONMENTS = ("staging", "production")
DIGEST_CHARACTERS = 19
REMARK_CHARACTERS = 90
HEADER = ["ENVIRONMENT", "HOST", "LIVE", "SLOT", "STANDBY", "DIGEST", "CONFIG", "SINCE (UTC)", "HEALTH", "LOCK"]
# What went as it nearly always does goes without saying.
USUAL_KIND = "deploy"
# Where a deployment's evidence has probes of the health check.
PROBED = ("candidate", "vm", "controller")


def _rows(header: list[str], rows: list[list[str]]) -> list[str]:
    rows = [[shown.line(str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [header, *rows]]


def _when(time: str) -> str:
    return time[:19].replace("T", " ")


def shortened(text: str, characters: int = REMARK_CHARACTERS) -> str:
    """A text on one line and no longer than this; what is cut off ends with a whole word and an ellipsis."""
    line = shown.line(" ".join(text.split()))
    if len(line) <= characters:
        return line
    whole = line[:characters].rpartition(" ")[0] or line[: characters - 1]
    return whole.rstrip(" ,;:") + "…"


def status_reports(groups: dict[str, list[str]], hostvars: Any) -> list[dict[str, Any]]:
    """One mapping a host, staging first, as :func:`status` and :func:`status_trouble` take them."""
    reports = []
    for environment in ENVIRONMENTS:
        for host in groups.get(environment) or []:
            seen = hostvars[host].get("__deploy_seen") or {}
            health = hostvars[host].get("__deploy_health") or {}
            read = "environment" in seen
            error = _unreached(seen) if seen.get("unreachable") else hostvars[host].get("__status_error") or ""
            reports.append(
                {
                    "environment": environment,
                    "host": host,
                    "health": _health(seen, health),
                    "report": seen if read else None,
                    "error": error if error or read else "it was not asked",
                    # Of a ledger that is damaged nothing else is read.
                    "drift": seen.get("drift") or [],
                }
            )
    return reports


def _health(seen: dict[str, Any], health: dict[str, Any]) -> str:
    if "environment" not in seen:
        return "unreachable" if seen.get("unreachable") else "unreadable"
    if not seen["live"]:
        return "-"
    if health.get("healthy"):
        return "healthy"
    # The page answers in the application's place.
    return "maintenance" if seen["maintenance"] else "unhealthy"


def _unreached(seen: dict[str, Any]) -> str:
    """What ssh says, without what Ansible puts before it."""
    reason = " ".join(str(seen.get("msg", "")).split()).rpartition("ssh: ")[2].rstrip(".")
    return f"it cannot be reached over SSH: {reason}"


def status(reports: list[dict[str, Any]]) -> str:
    """Both environments, what is wrong or waits with them, then the newest ledger entries of each.

    :param reports: one mapping a host with ``environment``, ``host``, ``health``, ``error`` and ``report``: what
        M(slipway.core.environment_info) tells, or None when the host cannot be read.
    """
    lines = _rows(HEADER, [_row(item) for item in reports])
    lines += [
        shown.line(f"! {item['host']}: {remark}") for item in reports for remark in [*_wrong(item), *_waiting(item)]
    ]
    for item in reports:
        lines += _history(item)
    return "\n".join(lines)


def status_trouble(reports: list[dict[str, Any]]) -> str:
    """What is wrong with hosts that cannot be read or have drifted, in one sentence; empty when nothing is.

    While a run holds the lock, what it is at work on looks like drift and is none yet. Once its lease has ended, it is
    what that run has left.
    """
    wrong = [
        # Why it cannot be reached is told below the table.
        f"{item['host']} is unreachable" if item["health"] == "unreachable" else f"{item['host']}: {remark}"
        for item in reports
        if not (item["report"] and item["report"]["lock"] and item["report"]["lock"]["held"])
        for remark in _wrong(item)
    ]
    return shown.line("; ".join(remark.rstrip(".") for remark in wrong)) + "." if wrong else ""


def _row(item: dict[str, Any]) -> list[str]:
    report = item["report"]
    if report is None:
        return [item["environment"], item["host"], *["-"] * 6, item["health"], "-"]
    live = report["live"] or {}
    slot = (report["serving"] or {}).get("slot")
    return [
        report["environment"],
        item["host"],
        live.get("version", "nothing yet"),
        slot if slot in labels.BEHIND_PROXY else "-",
        _standby(report),
        str(live.get("digest", "-"))[:DIGEST_CHARACTERS],
        str(live.get("config", "-")),
        _when(live.get("time", "-")),
        item["health"],
        "free" if not report["lock"] else "held" if report["lock"]["held"] else "left",
    ]


def _standby(report: dict[str, Any]) -> str:
    spare = report["standby"]
    if not spare or (report["serving"] or {}).get("slot") == labels.PUBLIC:
        return "-"
    return f"{spare['version']} {'warm' if spare['running'] else 'stopped'}"


def _wrong(item: dict[str, Any]) -> list[str]:
    """Why a host is not as it should be, a clause each."""
    drift = item["report"]["drift"] if item["report"] else []
    return [" ".join(remark.split()) for remark in [item["error"], *(it["told"] for it in drift)] if remark]


def _waiting(item: dict[str, Any]) -> list[str]:
    """What somebody has to end sooner or later, a clause each."""
    report, env = item["report"], item["environment"]
    if report is None:
        return []
    found = []
    if report["lock"]:
        found.append(f"the lock is {report['lock']['explanation']}")
    if report["maintenance"]:
        found.append(f"everybody gets the maintenance page; it ends with: maintenance.yml -e env={env} -e state=off")
    if report["paused"]:
        paused = report["paused"]
        found.append(
            f"a canary of {paused['version']} waits since {_when(paused['time'])} UTC with {paused['weight']} % of the "
            f"traffic; decide with: deploy.yml -e env={env} -e canary=promote, or abort"
        )
    return found


def _history(item: dict[str, Any]) -> list[str]:
    report = item["report"]
    if report is None or not report["entries"]:
        return []
    rows = [
        [
            str(entry["seq"]),
            _when(entry["time"]),
            _event(entry),
            str(entry.get("version") or "-"),
            str(entry.get("approved_by") or entry.get("actor") or "-"),
            shortened(_remark(entry)),
        ]
        for entry in report["entries"]
    ]
    title = shown.line(f"{report['environment']} on {item['host']}, newest first")
    return ["", title, *_rows(["SEQ", "TIME (UTC)", "EVENT", "VERSION", "BY", ""], rows)]


def _event(entry: dict[str, Any]) -> str:
    kind = entry.get("state") if entry["event"] == "maintenance" else entry.get("kind")
    return entry["event"] if kind in (None, USUAL_KIND) else f"{entry['event']} ({kind})"


def _remark(entry: dict[str, Any]) -> str:
    event, reason = entry["event"], str(entry.get("reason") or "")
    if event == "failed":
        return f"{entry.get('phase')}: {reason}"
    if event == "deployed":
        replaced = entry.get("replaced")
        # Going back because another host failed is part of a run that took its time elsewhere.
        parts = [f"in {entry['duration']} s"] if entry.get("duration") is not None else []
        parts += [f"replaced {replaced['version']}"] if replaced else []
        return ": ".join(filter(None, [", ".join(parts), reason]))
    if event == "approved":
        ran = f", recorded by {entry['actor']}" if entry.get("actor") else ""
        bound = f", with {entry['config']}" if entry.get("config") else ""
        return f"until {_when(entry['expires'])}{bound}, via {entry.get('approved_via')}{ran}"
    if event == "paused":
        return f"waits with {entry.get('weight')} % of the traffic"
    return reason or ", ".join(entry.get("reconciled") or [])


def approval_request(
    release: dict[str, Any],
    staging: dict[str, Any],
    live: Any,
    commits: list[str] | None,
    hosts: dict[str, dict[str, Any]],
) -> str:
    """What a person is asked to approve: release, commits since production's (None: unknown), staging's evidence, and
    the changes of configuration.

    :param hosts: by name of each production host, what M(slipway.core.environment_info) reports of it.
    """
    verified = staging["verified"] or staging["live"]
    evidence = verified.get("evidence") or {}
    probes = [probe for place in PROBED for probe in evidence.get(place) or []]
    replaced = f"{live['version']} ({live['digest'][:DIGEST_CHARACTERS]})" if live else "nothing yet"
    passed = sum(not probe["trouble"] for probe in probes)
    lines = [
        f"{release['version']} for production",
        f"  digest    {release['digest']}",
        f"  image     {release['image']}",
        f"  commit    {release['commit'] or 'unknown'}",
        f"  replaces  {replaced}",
        f"  staging   verified {_when(verified['time'])} UTC in {verified.get('duration')} s, "
        f"by {verified.get('actor')}; {passed} of its last {len(probes)} health checks passed",
        f"  commits   {len(commits) if commits is not None else 'not known in this clone'}",
    ]
    lines += [f"    {commit}" for commit in commits or []]
    for host, seen in hosts.items():
        changes = _changes(seen["config_diff"])
        lines.append(f"  settings  {len(changes) or 'none'} that differ from what runs on {host}")
        lines += [f"    {change}" for change in changes]
        front = _changes(seen["front_diff"])
        lines.append(f"  front     {len(front) or 'none'} of its settings that differ from those on {host}")
        lines += [f"    {change}" for change in front]
    return "\n".join(map(shown.line, lines))


def _changes(diff: dict[str, Any], path: str = "") -> list[str]:
    """What differs, a line each; what was or is not there is -."""
    before, after = diff["before"], diff["after"]
    found = []
    for name in sorted({*before, *after}):
        was, is_now = before.get(name, "-"), after.get(name, "-")
        sides = {"before": was, "after": is_now}
        if any(isinstance(side, dict) for side in sides.values()):
            inner = {key: side if isinstance(side, dict) else {} for key, side in sides.items()}
            found += _changes(inner, f"{path}{name}.")
        else:
            found.append(f"{path}{name}: {_shown(was)} → {_shown(is_now)}")
    return found


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
