"""What preflight has to know of a target: disk, ports, and who sits on one."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Mapping

MIB = 1024 * 1024


def disk(path: str) -> dict[str, int | str]:
    """Space of the file system that holds ``path`` (or its nearest existing parent), in MiB."""
    existing = Path(path)
    while not existing.exists():
        existing = existing.parent
    usage = shutil.disk_usage(existing)
    return {"path": str(existing), "free_mb": usage.free // MIB, "total_mb": usage.total // MIB}


def is_own_address(address: str) -> bool:
    """Whether a server could listen on this address here, on some port."""
    return port_is_free(address, 0)


def port_is_free(address: str, port: int) -> bool:
    """Whether a server could listen on ``address:port`` now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def listener(port: int, containers: Mapping[str, str]) -> str:
    """Who listens on a TCP port: ``container NAME``, or ``name (pid N)``; ``another process`` when it hides.

    :param containers: the name of each container by its id, one of which may listen on the machine's own network.

    Reads the socket tables of proc(5): the local port in hexadecimal, state 0A (LISTEN), and the inode.
    """
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(os.readlink(handle) in inodes for handle in (process / "fd").iterdir()):
                groups = (process / "cgroup").read_text(encoding="utf-8")
                for identity, name in containers.items():
                    if identity in groups:
                        return f"container {name}"
                name = (process / "comm").read_text(encoding="utf-8").strip()
                return f"{name} (pid {process.name})"
        except OSError:
            continue
    return "another process"
