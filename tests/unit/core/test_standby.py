"""The timer that stops a standby looks once more whether it still is one."""

import os
import subprocess

import pytest
from ansible_collections.slipway.core.plugins.module_utils import standby


class FakeEngine:
    def __init__(self):
        self.policies = []

    def update_restart_policy(self, name, policy):
        self.policies.append((name, policy))


@pytest.fixture
def no_systemd(monkeypatch, tmp_path):
    monkeypatch.setattr(standby, "SYSTEMD", tmp_path / "none")


@pytest.mark.usefixtures("no_systemd")
def test_a_standby_stays_down_once_it_is_down():
    engine = FakeEngine()
    standby.keep_warm(engine, {"name": "green", "id": "1", "restart_policy": "unless-stopped"}, "unit", 600, 30)
    assert engine.policies == [("green", "no")]
    standby.keep_warm(engine, {"name": "green", "id": "1", "restart_policy": "no"}, "unit", 600, 30)
    assert len(engine.policies) == 1


def test_an_earlier_timer_is_forgotten_and_the_new_one_has_its_seconds():
    forget, start = standby.timer("abc", "slipway-app-staging-standby", 600, 30)
    assert forget == ["systemctl", "stop", "slipway-app-staging-standby.timer"]
    assert start[:3] == ["systemd-run", "--unit=slipway-app-staging-standby", "--on-active=600"]


@pytest.mark.parametrize(("policy", "stopped"), [("no", True), ("unless-stopped", False), ("", False)])
def test_only_what_is_a_standby_still_is_stopped(tmp_path, policy, stopped):
    """A rollback gives a standby its restart policy back before it moves any traffic to it."""
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" = inspect ] && echo "{policy}" || echo "$@" >"{tmp_path}/called"\n')
    docker.chmod(0o755)
    _, start = standby.timer("abc", "unit", 600, 30)
    shell = start[start.index("sh") :]
    subprocess.run(shell, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=stopped)
    called = tmp_path / "called"
    assert called.exists() is stopped
    assert not stopped or called.read_text().split() == ["stop", "--time", "30", "abc"]
