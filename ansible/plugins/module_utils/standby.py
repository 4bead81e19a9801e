"""The old release after a cut-over: it stays warm for a while, and then ends by itself."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any, Sequence

from ansible_collections.slipway.core.plugins.module_utils import draining, standby_mark, tenure
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine

# What Docker Engine may take to stop a container beside the time that the container gets.
STOP_SECONDS = 20


class TimerError(Exception):
    """A standby is marked, and no timer will stop it; the next run does."""


def leave(
    engine: Engine, home: Path, fronts: Sequence[dict[str, Any]], container: dict[str, Any], seconds: int, grace: int
) -> list[str]:
    """Let what is not live any more stay warm for ``seconds``, or with 0 finish what it has begun and end.

    :param fronts: the proxy's containers, described.
    :param container: described, and running.
    :param grace: seconds that its requests may take to finish when it is stopped.
    :returns: what was done at once, one phrase each.
    :raises TimerError: it stays warm until the next run.
    """
    if seconds:
        keep_warm(engine, home, container, seconds, grace)
        return []
    draining.drain(engine, home, fronts, container, grace)
    return [f"stopped {container['name']}"]


def keep_warm(engine: Engine, home: Path, container: dict[str, Any], seconds: int, grace: int) -> None:
    """Let a container run on for ``seconds``; after a restart of Docker or the machine it stays down.

    Where systemd runs, a timer of it stops the container; elsewhere the next run does.

    :param container: described.
    :param grace: seconds between SIGTERM and SIGKILL.
    :raises TimerError: systemd does not set the timer.
    """
    if container["restart_policy"] != "no":
        engine.update_restart_policy(container["name"], "no")
    standby_mark.put(home, container["id"])
    if not standby_mark.SYSTEMD.is_dir():
        return
    try:
        standby_mark.call(standby_mark.forget(home))
        answer = standby_mark.call(timer(home, container["id"], seconds, grace))
    except (OSError, subprocess.SubprocessError) as error:
        raise TimerError(
            f"{container['name']} runs on until the next run, as systemd sets no timer: {error}"
        ) from error
    if answer.returncode:
        said = answer.stderr.decode("utf-8", "replace").strip() or f"it exits with {answer.returncode}"
        raise TimerError(f"{container['name']} runs on until the next run, as systemd sets no timer: {said}")


def timer(home: Path, container: str, seconds: int, grace: int) -> list[str]:
    """The command that sets a timer.

    When the time is over, the container is stopped only if it has the mark of a standby still, which it loses before it
    gets any traffic: looking and stopping is one step among those of the runs, which wait for it, and it for them. The
    container is named by its id, as the slot's name may be another's by then.
    """
    work, mark = (shlex.quote(str(home / name)) for name in (tenure.WORK, standby_mark.MARK))
    still_standby = f'[ "$(cat {mark})" = {shlex.quote(container)} ]'
    announce = f"printf %{tenure.UNCUT_CHARACTERS}d {grace + STOP_SECONDS} 1<>{work}"
    stop = f"exec docker stop --time {grace} {shlex.quote(container)}"
    return [
        "systemd-run",
        f"--unit={standby_mark.unit(home)}",
        f"--on-active={seconds}",
        "--timer-property=AccuracySec=1s",
        "--collect",
        "flock",
        str(home / tenure.WORK),
        "sh",
        "-c",
        f"{still_standby} && {announce} && {stop}",
    ]
