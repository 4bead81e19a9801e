"""The SSH sessions that a CI job leaves open behind itself: kept in a folder of their own, and ended with it.

Ansible lets a session go on for a while after its last command, and whoever reaches its socket is the user that it
logged in as, without a key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

# A socket's path has 107 bytes at most. ssh listens at first on one with 17 more, below a folder of Ansible's naming.
LONGEST_FOLDER = 75
# ssh expands %, and everything else than these would have to be quoted somewhere.
PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
ELSEWHERE = Path("/tmp")  # noqa: S108 - short; the folder is its user's, or refused
END_SECONDS = 3.0
POLL_SECONDS = 0.05


class SessionsError(Exception):
    """Sessions are open still, or cannot be kept apart; the message is one sentence with what to do."""


def folder(credentials: Path) -> Path:
    """Where the sockets of a job are: with its credentials, or where that is too long for a socket, below /tmp."""
    inside = credentials / "ssh"
    if PLAIN.fullmatch(str(inside)) and len(str(inside)) <= LONGEST_FOLDER:
        return inside
    known = hashlib.sha256(os.fsencode(credentials)).hexdigest()[:12]
    return ELSEWHERE / f"slipway-{os.getuid()}-{known}"


def make(path: Path) -> None:
    """Make the folder of the sockets anew, for its user only.

    :raises SessionsError: somebody else has made it before, or sessions in it cannot be ended.
    """
    end(path)
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise SessionsError(f"{path} is there already and not a folder of this user: remove it.") from None


def end(path: Path) -> None:
    """End every session that was opened through the folder, and remove it; nothing if there is none.

    :raises SessionsError: a session goes on, or the folder is another user's.
    """
    if os.path.lexists(path):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise SessionsError(f"{path} is there already and not a folder of this user: remove it.")
        for socket in sorted(it for it in path.iterdir() if it.is_socket()):
            _ask_to_end(socket)
    # Also those whose socket has gone, because a job was killed and its folder removed.
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _gone(path):
            for process in processes(path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
    left = [] if _gone(path) else processes(path)
    if os.path.lexists(path):
        shutil.rmtree(path)
    if left:
        numbers = ", ".join(map(str, left))
        raise SessionsError(f"SSH sessions of this job are open still, end them by hand: process {numbers}.")


def processes(path: Path) -> list[int]:
    """The processes of ssh whose socket is, or was, in the folder; one in the background is called by its socket."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes()
            ours = words.startswith(b"ssh") and os.fsencode(path) + b"/" in words
            if ours and process.stat().st_uid == os.getuid():
                found.append(int(process.name))
    return found


def _gone(path: Path) -> bool:
    """Whether no session is left, after a moment."""
    ends = time.monotonic() + END_SECONDS
    while processes(path):
        if time.monotonic() > ends:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _ask_to_end(socket: Path) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired, FileNotFoundError):
        subprocess.run(
            ["ssh", "-F", "none", "-S", str(socket), "-O", "exit", "any"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=END_SECONDS,
        )
