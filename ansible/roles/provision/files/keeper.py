#!/usr/bin/python3
"""Starts a container of Slipway's again that was killed by hand.

Docker starts what ends by itself, as its restart policy says, but takes ``docker kill`` for an order to leave it
stopped. So does the machine's operator with ``docker stop``, which asks first: Docker sends the container's stop
signal, and SIGKILL only later. What was killed without having been asked to end, and has a restart policy, is started
again; ``docker stop`` is left alone. Any other signal, such as SIGUSR2 for a reload, asks nobody to end, and one that
asks is forgotten when it has been survived.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator

LABEL = "io.slipway.app"
KEPT = ("always", "unless-stopped")
WATCHED = ("kill", "die", "start")
KILL = str(int(signal.SIGKILL))
# Beside the stop signal of a container's image. These end what has no handler of its own for them.
ASKS = frozenset(str(int(number)) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
# What has not ended by then goes on. docker stop may wait longer, and says so with an event of its own.
ASKED_SECONDS = 600.0
# ``docker rm --force`` kills too, and removes it a moment later.
SETTLE_SECONDS = 1.0
RETRY_SECONDS = 2.0
ANSWER_SECONDS = 60.0
# What happened while nobody watched, because Docker Engine or the keeper was started again.
LOOK_BACK_SECONDS = 60

Signals = dict[str, float]
"""What has been sent to a container, and when."""

# Up to when Docker's events have been seen, as --since takes it.
_seen = {"until": ""}


def docker(*arguments: str) -> str:
    """Run ``docker``; returns what it printed, empty when it failed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=False, timeout=ANSWER_SECONDS
        )
        return done.stdout if done.returncode == 0 else ""
    return ""


def happenings() -> Iterator[tuple[str, str, str]]:
    """What happens to our containers: ``kill``, ``die`` or ``start``, the container's id, and the signal.

    It begins where the last call ended, so that nothing is missed in between.
    """
    since = _seen["until"] or str(int(time.time()) - LOOK_BACK_SECONDS)
    filters = [f"--filter=event={action}" for action in WATCHED]
    command = ["docker", "events", f"--since={since}", f"--filter=label={LABEL}", *filters, "--format={{json .}}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as events:
        assert events.stdout
        for line in events.stdout:
            event = json.loads(line)
            nano = int(event["timeNano"]) + 1
            _seen["until"] = f"{nano // 10**9}.{nano % 10**9:09d}"
            yield event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"].get("signal", "")


def was_stopped(container: str, since: str) -> bool:
    """Whether ``docker stop`` ended it: Docker tells of that last, when the container has ended."""
    ends = str(int(time.time()) + 1)
    told = docker(
        "events", f"--since={since}", f"--until={ends}", f"--filter=container={container}", "--format={{.Action}}"
    )
    return "stop" in told.split()


def number(name: str) -> str:
    """A signal as Docker's events name it, by its number: of ``SIGUSR1``, ``USR1``, ``10`` or ``SIGRTMIN+3``."""
    name = name.upper()
    name, _, more = (name if name.startswith("SIG") or name.isdigit() else f"SIG{name}").partition("+")
    if name.isdigit():
        return name
    try:
        return str(int(signal.Signals[name]) + int(more or 0))
    except (KeyError, ValueError):
        return ""


def bring_back(container: str, sent: Signals) -> None:
    """Start a container if nobody has asked it to end, it is there still, has a restart policy and does not run."""
    since = str(int(time.time()) - 1) if not _seen["until"] else _seen["until"]
    time.sleep(SETTLE_SECONDS)
    form = "{{.HostConfig.RestartPolicy.Name}} {{.State.Running}} {{.Name}} {{.Config.StopSignal}}"
    policy, running, name, stop_signal = [*docker("inspect", "--format", form, container).split(), *[""] * 4][:4]
    if policy not in KEPT or running != "false" or (ASKS | {number(stop_signal)}) & set(sent):
        return
    if was_stopped(container, since):
        return
    answer = docker("start", container)
    print(f"{name.lstrip('/')} was killed; {'started again' if answer else 'it could not be started'}", flush=True)


class Memory:
    """Which signals the containers have got and may still end of."""

    def __init__(self) -> None:
        self._sent: dict[str, Signals] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, container: str, sent: str) -> None:
        """A container has got a signal."""
        self._forget_old()
        self._sent.setdefault(container, {})[sent] = time.monotonic()

    def take(self, container: str) -> Signals:
        """What a container has got lately, which is over with this: it has ended, or has started anew."""
        self._forget_old()
        return self._sent.pop(container, {})

    def _forget_old(self) -> None:
        oldest = time.monotonic() - ASKED_SECONDS
        for container, signals in list(self._sent.items()):
            kept = {sent: moment for sent, moment in signals.items() if moment > oldest}
            if kept:
                self._sent[container] = kept
            else:
                del self._sent[container]


def follow(memory: Memory) -> None:
    """Watch until Docker Engine ends."""
    for action, container, sent in happenings():
        if action == "kill":
            memory.add(container, sent)
            continue
        signals = memory.take(container)
        if action == "die" and KILL in signals:
            bring_back(container, signals)


def main() -> None:
    """Watch for ever; Docker Engine may be restarted meanwhile."""
    memory = Memory()
    while True:
        follow(memory)
        time.sleep(RETRY_SECONDS)


if __name__ == "__main__":
    main()
