"""Who runs this deployment: a name for the run that its own controller can prove dead later."""

from __future__ import annotations

import hashlib
import os
import socket
from datetime import datetime, timezone
from pathlib import Path

PROOF_CHARACTERS = 6


def controller() -> str:
    """This machine since its last boot, and the processes seen: a process id means something only with both."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    processes = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    return f"{socket.gethostname()}:{boot[:8]}:{processes}"


def run_id(pid: int) -> str:
    """The run of the process ``pid``, as start time (UTC), process id and proof: ``261124-021500-4711-3fa9c1``.

    Equal for every task of one ansible-playbook process, and different for any other: process ids are used again, and
    two controllers may start the same one in the same second. The proof tells them apart.

    :raises OSError: there is no such process.
    """
    ticks = _start_ticks(pid)
    boot_time = next(
        int(line.split()[1])
        for line in Path("/proc/stat").read_text(encoding="ascii").splitlines()
        if line.startswith("btime ")
    )
    began = datetime.fromtimestamp(boot_time + ticks // os.sysconf("SC_CLK_TCK"), timezone.utc)
    return f"{began:%y%m%d-%H%M%S}-{pid}-{_proof(pid, ticks)}"


def _start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot, which no clock moves: field 22 of proc(5)'s stat."""
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])


def _is_dead(pid: int) -> bool:
    """Whether a process has ended and nobody has asked how yet: state ``Z`` or ``X`` of proc(5)'s stat."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "ZX"


def _proof(pid: int, ticks: int) -> str:
    return hashlib.sha256(f"{controller()}:{pid}:{ticks}".encode()).hexdigest()[:PROOF_CHARACTERS]


def started(run: str) -> float:
    """When a run started, in seconds since the epoch."""
    stamp = datetime.strptime("-".join(run.split("-")[:2]), "%y%m%d-%H%M%S")
    return stamp.replace(tzinfo=timezone.utc).timestamp()


def is_gone(host: str, run: str) -> bool:
    """Whether ``run`` of the controller ``host`` has provably ended: it was here, and its process is not.

    A process that this user may not look at is no proof, as where ``/proc`` is mounted with ``hidepid``.
    """
    parts = run.split("-")
    if host != controller() or len(parts) != 4 or not parts[2].isdigit():
        return False
    pid = int(parts[2])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    try:
        return _is_dead(pid) or _proof(pid, _start_ticks(pid)) != parts[3]
    except OSError:
        return False
