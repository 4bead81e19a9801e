"""The old release after a cut-over: it stays warm for a while, and then ends by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Sequence

from ansible_collections.slipway.core.plugins.module_utils import reconcile
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine

SYSTEMD = Path("/run/systemd/system")
CALL_SECONDS = 10


def leave(
    engine: Engine, home: Path, fronts: Sequence[dict[str, Any]], container: dict[str, Any], seconds: int, grace: int
) -> list[str]:
    """Let what is not live any more stay warm for ``seconds``, or with 0 finish what it has begun and end.

    :param fronts: the proxy's containers, described.
    :param container: described, and running.
    :param grace: seconds that its requests may take to finish when it is stopped.
    :returns: what was done at once, one phrase each.
    """
    if seconds:
        keep_warm(engine, container, f"slipway-{home.name}-standby", seconds, grace)
        return []
    reconcile.drain(engine, home, fronts, container, grace)
    return [f"stopped {container['name']}"]


def keep_warm(engine: Engine, container: dict[str, Any], unit: str, seconds: int, grace: int) -> None:
    """Let a container run on for ``seconds``; after a restart of Docker or the machine it stays down.

    Where systemd runs, a timer of it stops the container; elsewhere the next run does.

    :param container: described.
    :param unit: name of the timer, one for each environment.
    :param grace: seconds between SIGTERM and SIGKILL.
    """
    if container["restart_policy"] != "no":
        engine.update_restart_policy(container["name"], "no")
    if SYSTEMD.is_dir():
        for command in timer(container["id"], unit, seconds, grace):
            subprocess.run(command, check=False, capture_output=True, timeout=CALL_SECONDS)


def timer(container: str, unit: str, seconds: int, grace: int) -> list[list[str]]:
    """The commands that forget an earlier timer and set a new one.

    When the time is over, the container is stopped only if it is a standby still: a rollback to it gives it its
    restart policy back before it moves any traffic. It is named by its id, as the slot's name may be another's by then.
    """
    policy = "{{ .HostConfig.RestartPolicy.Name }}"
    still_standby = f'[ "$(docker inspect --format "{policy}" {container})" = no ]'
    return [
        ["systemctl", "stop", f"{unit}.timer"],
        [
            "systemd-run",
            f"--unit={unit}",
            f"--on-active={seconds}",
            "--timer-property=AccuracySec=1s",
            "--collect",
            "sh",
            "-c",
            f"{still_standby} && exec docker stop --time {grace} {container}",
        ],
    ]
