"""Who runs this deployment: a name for the run that its own controller can prove dead later."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timezone
from pathlib import Path


def controller() -> str:
    """This machine since its last boot, and the processes seen: a process id means something only with both."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    processes = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    return f"{socket.gethostname()}:{boot[:8]}:{processes}"


def run_id(pid: int) -> str:
    """The run of the process ``pid``: when it started (UTC) and its id; empty when there is no such process.

    The start time comes from field 22 of proc(5)'s stat, in clock ticks since boot. Equal for every task of one
    ansible-playbook process and, because process ids are used again, different for any other.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    boot_time = next(
        int(line.split()[1])
        for line in Path("/proc/stat").read_text(encoding="ascii").splitlines()
        if line.startswith("btime ")
    )
    started = boot_time + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return f"{datetime.fromtimestamp(int(started), timezone.utc):%y%m%d-%H%M%S}-{pid}"


def started(run: str) -> float:
    """When a run started, in seconds since the epoch."""
    stamp = datetime.strptime(run.rpartition("-")[0], "%y%m%d-%H%M%S")
    return stamp.replace(tzinfo=timezone.utc).timestamp()


def is_gone(host: str, run: str) -> bool:
    """Whether ``run`` of the controller ``host`` has provably ended: it was here and its process is not."""
    return host == controller() and run_id(int(run.rpartition("-")[2])) != run
