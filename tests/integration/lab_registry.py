"""The lab's registry, which can be stopped for a while."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import requests

from tests.integration.target import Target, run
from tests.lab import Lab

DEADLINE_SECONDS = 30


def answers(lab: Lab) -> bool:
    """Whether it lets us in."""
    try:
        answer = requests.get(
            f"https://{lab.registry}/v2/",
            auth=(lab.user, lab.password),
            verify=str(lab.directory / "ca.crt"),
            timeout=2,
        )
    except requests.RequestException:
        return False
    return answer.status_code == requests.codes.ok


@contextlib.contextmanager
def stopped(target: Target) -> Iterator[None]:
    """It is down, and back at the end."""
    run(["docker", "stop", "--time", "1", target.registry])
    try:
        yield
    finally:
        run(["docker", "start", target.registry])
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not answers(target.lab):
            assert time.monotonic() < deadline, "the registry did not come back"
            time.sleep(0.1)
