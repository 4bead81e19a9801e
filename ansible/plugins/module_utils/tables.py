"""Status and approval requests as text for people."""

from __future__ import annotations

from typing import Any

ENVIRONMENTS = ("staging", "production")
DIGEST_CHARACTERS = 19
# Where a deployment's evidence has probes of the health check.
PROBED = ("candidate", "vm", "controller")


def _rows(header: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [header, *rows]]


def _when(time: str) -> str:
    return time[:19].replace("T", " ")


def status_reports(groups: dict[str, list[str]], hostvars: Any) -> list[dict[str, Any]]:
    """One mapping a host, staging first, as :func:`status` takes them."""
    reports = []
    for environment in ENVIRONMENTS:
        for host in groups.get(environment) or []:
            seen = hostvars[host].get("__status_report") or {}
            health = hostvars[host].get("__status_health") or {}
            reports.append(
                {
                    "environment": environment,
                    "host": host,
                    "health": _health(seen, health),
                    "report": seen if "environment" in seen else None,
                    "error": str(seen.get("msg", "")) if "environment" not in seen else "",
                }
            )
    return reports


def _health(seen: dict[str, Any], health: dict[str, Any]) -> str:
    if "environment" not in seen:
        return "unreachable" if seen.get("unreachable") else "unreadable"
    if not seen["live"]:
        return "-"
    return "healthy" if health.get("healthy") else "unhealthy"


def status(reports: list[dict[str, Any]]) -> str:
    """Both environments, then the newest ledger entries of each.

    :param reports: one mapping a host with ``host``, ``health`` and ``report``: what
        M(slipway.core.environment_info) tells, or None when the host cannot be read.
    """
    rows = []
    for item in reports:
        report = item["report"]
        if report is None:
            rows.append([item["environment"], item["host"], "-", "-", "-", "-", item["health"], "-"])
            continue
        live = report["live"] or {}
        rows.append(
            [
                report["environment"],
                item["host"],
                live.get("version", "nothing yet"),
                str(live.get("digest", "-"))[:DIGEST_CHARACTERS],
                str(live.get("config", "-")),
                _when(live.get("time", "-")),
                item["health"],
                "held" if report["lock"] else "free",
            ]
        )
    header = ["ENVIRONMENT", "HOST", "LIVE", "DIGEST", "CONFIG", "SINCE (UTC)", "HEALTH", "LOCK"]
    lines = _rows(header, rows)
    for item in reports:
        lines += _details(item)
    return "\n".join(lines)


def _details(item: dict[str, Any]) -> list[str]:
    report = item["report"]
    if report is None:
        return [f"! {item['host']}: {' '.join(item['error'].split())}"]
    lines = [f"! {item['host']}: {sentence}" for sentence in report["drift"]]
    if report["lock"]:
        lines.append(f"! {item['host']}: the lock is {report['lock']['explanation']}")
    if not report["entries"]:
        return lines
    rows = [
        [
            str(entry["seq"]),
            _when(entry["time"]),
            entry["event"] if entry.get("kind") != "rollback" else f"{entry['event']} (rollback)",
            str(entry.get("version") or "-"),
            str(entry.get("actor") or entry.get("approved_by") or "-"),
            _remark(entry),
        ]
        for entry in report["entries"]
    ]
    title = f"\n{report['environment']} on {item['host']}, newest first"
    return [*lines, title, *_rows(["SEQ", "TIME (UTC)", "EVENT", "VERSION", "BY", ""], rows)]


def _remark(entry: dict[str, Any]) -> str:
    if entry["event"] == "failed":
        return f"{entry.get('phase')}: {entry.get('reason')}"[:90]
    if entry["event"] == "deployed":
        replaced = entry.get("replaced")
        why = f": {entry['reason']}" if entry.get("reason") else ""
        return (f"in {entry.get('duration')} s" + (f", replaced {replaced['version']}" if replaced else "") + why)[:90]
    if entry["event"] == "approved":
        return f"until {_when(entry['expires'])}, via {entry.get('approved_via')}"
    return ", ".join(entry.get("reconciled") or [])


def approval_request(
    release: dict[str, Any], staging: dict[str, Any], live: Any, commits: list[str] | None
) -> str:
    """What a person is asked to approve: release, commits since production's (None: unknown), staging's evidence."""
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
    return "\n".join([*lines, *(f"    {commit}" for commit in commits or [])])
