"""Makes docs/RELIABILITY.md of what the fault tests have kept: ``python -m tools.reliability``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.steps import ROOT

ROWS = ROOT / ".cache" / "faults"
PAGE = ROOT / "docs" / "RELIABILITY.md"
GROUPS = {
    "Kills": (
        "The process group of `ansible-playbook` gets the signal; then the same command runs again. With `recreate` "
        "the restart of the one container shows: its requests fail in an undisturbed run too."
    ),
    "Machine": (
        "Where a process that answers requests is killed, those in flight are lost; what counts is that the same "
        "release is back without a person."
    ),
    "Registry": "The registry fails between the machine and its layers; what serves does not notice.",
    "Disk and clock": "The same command completes once the disk has room and can be written.",
    "Runs": "Runs that meet each other, or something that does not answer.",
    "Ledger": (
        "Damaged, long, and after many deployments. `make bench-ledger` measures what a long one costs on a machine "
        "that does nothing else."
    ),
    "Hosts": "Three hosts of one environment; the requests are those to all of them.",
}
COLUMNS = ["Fault", "Served meanwhile", "Serves after it", "The next plain run", "Requests", "Failed", "Reproduce"]
INTRODUCTION = """# Reliability

What happens when things break in the middle of a deployment, under a load of requests on connections of their own and
on kept ones, slow answers, streams and WebSockets. `make test-faults` breaks each of them and makes this page; a quick
selection is part of `make test`.

*Old* is the release that was live before the fault, *new* the one that was being deployed. Requests and failures are
those from the fault until the next plain run had ended; seconds are those of a machine on which two of these tests run
at once.

{requests} requests in all. Made from commit {commit} on {date}, on {cores} cores, load average {load} at the end.
"""


def rows() -> list[dict[str, Any]]:
    """What was kept, in the order of the tests."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in ROWS.glob("*.json")]
    return sorted(kept, key=lambda row: (row["group"], row["fault"]))


def command(row: dict[str, Any]) -> str:
    """How to make it happen again."""
    return f"`make test-faults FAULT='{row['test'].removeprefix('tests/integration/')}'{row['options']}`"


def failed(row: dict[str, Any]) -> str:
    """The failed requests, for people."""
    total = sum(row["failed"].values())
    kinds = ", ".join(f"{count} {trouble}" for trouble, count in sorted(row["failed"].items()))
    return f"{total} ({kinds})" if total else "0"


def table(found: list[dict[str, Any]]) -> list[str]:
    """The rows as a table in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    for row in found:
        cells = [row["fault"], row["during"], row["after"], row["following"], str(row["requests"]), failed(row)]
        lines.append(f"| {' | '.join(cells)} | {command(row)} |")
    return lines


def page(found: list[dict[str, Any]], facts: dict[str, Any]) -> str:
    """The whole page."""
    parts = [INTRODUCTION.format(requests=f"{sum(row['requests'] for row in found):,}", **facts)]
    for group, text in GROUPS.items():
        of_group = [row for row in found if row["group"] == group]
        if of_group:
            parts.append("\n".join([f"## {group}", "", text, "", *table(of_group), ""]))
    return "\n".join(parts)


def main() -> int:
    """Write the page."""
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    facts = {
        "commit": head.stdout.strip(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }
    PAGE.write_text(page(rows(), facts), encoding="utf-8")
    print(f"{Path(PAGE).relative_to(ROOT)}: {len(rows())} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
