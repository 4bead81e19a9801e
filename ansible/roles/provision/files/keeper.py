#!/usr/bin/python3
"""Starts a container of Slipway's again that was killed by hand.

Docker starts what ends by itself, as its restart policy says, but takes ``docker kill`` for an order to leave it
stopped. So does the machine's operator with ``docker stop``, which asks first: Docker sends SIGTERM, and SIGKILL only
later. What got nothing but SIGKILL, and has a restart policy, is started again; ``docker stop`` is left alone.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

LABEL = "io.slipway.app"
KEPT = ("always", "unless-stopped")
KILL = "9"
# ``docker rm --force`` kills too, and removes it a moment later.
SETTLE_SECONDS = 1.0
RETRY_SECONDS = 2.0


def docker(*arguments: str) -> str:
    """Run ``docker``; returns what it printed, empty when it failed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def happenings() -> Iterator[tuple[str, str, str]]:
    """What happens to our containers from now on: ``kill`` or ``die``, the container's id, and the signal."""
    filters = ["--filter", f"label={LABEL}", "--filter", "event=kill", "--filter", "event=die"]
    command = ["docker", "events", *filters, "--format", "{{json .}}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as events:
        assert events.stdout
        for line in events.stdout:
            event = json.loads(line)
            yield event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"].get("signal", "")


def bring_back(container: str) -> None:
    """Start a container if it is there still, has a restart policy and does not run."""
    time.sleep(SETTLE_SECONDS)
    found = docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}} {{.State.Running}} {{.Name}}", container)
    policy, running, name = [*found.split(), "", "", ""][:3]
    if policy in KEPT and running == "false":
        answer = docker("start", container)
        print(f"{name.lstrip('/')} was killed; {'started again' if answer else 'it could not be started'}", flush=True)


def main() -> None:
    """Watch for ever; Docker Engine may be restarted meanwhile."""
    while True:
        signals: dict[str, set[str]] = {}
        for action, container, signal in happenings():
            if action == "kill":
                signals.setdefault(container, set()).add(signal)
            elif signals.pop(container, set()) == {KILL}:
                bring_back(container)
        time.sleep(RETRY_SECONDS)


if __name__ == "__main__":
    main()
