"""A run that is killed at any instant leaves nothing that a person has to clean up."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from tests.integration.application import Application
from tests.integration.target import run

RESTART_SECONDS = 60.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a machine that starts is that far."""
    deadline = time.monotonic() + RESTART_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def speaks_ssh(port: int) -> bool:
    """Whether an SSH server greets on a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("phase", "live_before", "build"),
    [("health", 1, 4), ("cut-over", 4, 3), ("commit", 3, 1)],
)
def test_killed_deployment(serving: Application, phase: str, live_before: int, build: int) -> None:
    """Killed after a step of ``phase``; the same command then reconciles and completes.

    No other test ships the first build, which would be a warm standby and have no such phase.
    """
    version = f"1.0.{build}"
    before, recorded = serving.running(), len(serving.ledger("staging"))
    live = serving.live_container("staging")["Id"]
    process = serving.start("deploy", env="staging", version=version)
    process.wait_for(phase)
    process.kill()
    if phase == "health":
        assert serving.running()[live] == before[live]
        assert serving.answer("staging")["version"] == f"1.0.{live_before}"
    ended = serving.run("deploy", env="staging", version=version)
    assert ended.code == 0, ended.output
    assert serving.answer("staging")["version"] == version
    verified = {entry["container_run"] for entry in serving.ledger("staging") if entry["event"] == "deployed"}
    assert {it["Config"]["Labels"]["io.slipway.run"] for it in serving.containers("staging").values()} <= verified
    since = serving.ledger("staging")[recorded:]
    assert [entry["event"] for entry in since] == (["deployed"] if phase == "commit" else ["aborted", "deployed"])
    if phase != "commit":
        assert since[0]["interrupted"]["owner"]
        assert version in {it["version"] for it in since[0]["evidence"]["containers"]}


def test_machine_that_is_stopped_hard_comes_back_with_the_same_release(serving: Application) -> None:
    """Docker starts the live container and the proxy again, whose configuration names the live slot; no standby."""
    serving.ship("staging", 1)
    before = serving.live_container("staging")["Id"]
    run(["docker", "restart", "--time", "0", serving.target.machine])
    wait_until(lambda: serving.answer("staging")["version"] == "1.0.1")
    wait_until(lambda: speaks_ssh(serving.target.lab.ssh_port))
    again = serving.run("deploy", env="staging", version="1.0.1")
    assert again.code == 0, again.output
    assert again.changed == 0
    assert serving.live_container("staging")["Id"] == before
