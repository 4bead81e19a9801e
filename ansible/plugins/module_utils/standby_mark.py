"""Which container is the standby of an environment: one that its timer may stop.

A mark of its own, in a file, because a container's restart policy may be "no" for reasons of its user, and a label
cannot be changed while it runs. It goes before traffic comes, and a timer looks for it before it stops anything.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Sequence

SYSTEMD = Path("/run/systemd/system")
MARK = "standby"
CALL_SECONDS = 10


def unit(home: Path) -> str:
    """The name of an environment's timer."""
    return f"slipway-{home.name}-standby"


def put(home: Path, identity: str) -> None:
    """Say that the container with this id is the standby, and that none other is."""
    (home / MARK).write_text(f"{identity}\n", encoding="ascii")


def marked(home: Path) -> str:
    """The id of the container that is marked; empty for none."""
    try:
        return (home / MARK).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def take_away(home: Path) -> None:
    """Say that nothing is a standby, and forget the timer, one of an earlier version of Slipway included.

    :raises OSError: the mark cannot be removed, so nothing may get traffic that a timer could stop.
    """
    if marked(home):
        (home / MARK).unlink(missing_ok=True)
    if SYSTEMD.is_dir():
        # Without the mark a timer of this version stops nothing, so that a systemd that hangs is no obstacle.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            call(forget(home))


def forget(home: Path) -> list[str]:
    """The command that forgets a timer."""
    return ["systemctl", "stop", f"{unit(home)}.timer"]


def call(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command of systemd.

    :raises OSError, subprocess.SubprocessError: there is no such command, or it does not end within CALL_SECONDS.
    """
    return subprocess.run(command, check=False, capture_output=True, timeout=CALL_SECONDS)
