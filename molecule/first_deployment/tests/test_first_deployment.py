"""A first deployment serves the release, confined, and leaves nothing else behind."""

from __future__ import annotations

import pytest
from conftest import Environment, Step
from testinfra.host import Host

from tests import releases
from tests.lab import Lab

USER = 10001


def test_the_release_answers_from_outside(staging: Environment) -> None:
    assert staging.version == "1.0.1"
    assert "staging" in staging.get("/")


def test_the_container_runs_the_digest_that_the_registry_has(staging: Environment, lab: Lab) -> None:
    image = releases.image(lab)
    digest = releases.digest(lab, image, "1.0.1")
    assert staging.container["Config"]["Image"] == f"{image}@{digest}"
    assert staging.label("digest") == digest
    assert staging.label("version") == "1.0.1"
    assert staging.container["Config"]["Labels"]["team"] == "web"


def test_the_container_is_confined(staging: Environment) -> None:
    host = staging.container["HostConfig"]
    assert [name.lower() for name in host["CapDrop"]] == ["all"]
    assert not host["CapAdd"]
    assert host["ReadonlyRootfs"]
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert host["Memory"] == 256 * 1024 * 1024
    assert host["PidsLimit"] == 512
    assert not host["Privileged"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


def test_no_process_runs_as_root_or_can_write_the_root(staging: Environment) -> None:
    status = staging.execute("cat /proc/1/status").splitlines()
    fields = dict(line.split(":\t", 1) for line in status)
    assert set(fields["Uid"].split()) == {str(USER)}
    assert int(fields["CapBnd"], 16) == 0
    assert staging.execute("sh -c 'touch /app/x 2>/dev/null || echo refused'") == "refused"


def test_the_secret_is_a_file_that_only_the_application_reads(staging: Environment) -> None:
    assert staging.execute("stat -c '%a %u %s' /run/secrets/token") == f"600 {USER} {len('s3cret')}"
    assert staging.execute("cat /run/secrets/token") == "s3cret"


def test_the_secret_is_nowhere_else(staging: Environment, steps: dict[str, Step], target: Host) -> None:
    assert "s3cret" not in str(staging.containers)
    assert "s3cret" not in str(staging.ledger)
    assert "s3cret" not in steps["first"]["output"]
    kept = target.check_output(f"grep -rl s3cret {staging.state}").split()
    assert [path.rpartition("/")[2] for path in kept] == ["token"]
    assert {target.file(path).mode for path in kept} == {0o600}


def test_the_ledger_tells_what_was_done(staging: Environment, lab: Lab) -> None:
    (entry,) = staging.ledger
    assert entry["event"] == "deployed"
    assert entry["kind"] == "deploy"
    assert entry["version"] == "1.0.1"
    assert entry["digest"] == releases.digest(lab, releases.image(lab), "1.0.1")
    assert entry["config"] == staging.label("config")
    assert entry["replaced"] is None
    assert all(entry["evidence"][place] for place in ("candidate", "vm", "controller"))


def test_the_proxy_owns_the_public_port_and_the_container_none(staging: Environment) -> None:
    (slot,) = staging.containers
    assert slot == "blue"
    (published,) = staging.container["HostConfig"]["PortBindings"].values()
    assert published == [{"HostIp": "127.0.0.1", "HostPort": "18081"}]
    assert staging.proxy["HostConfig"]["NetworkMode"] == "host"
    assert staging.proxy["HostConfig"]["ReadonlyRootfs"]
    assert sorted(staging.proxy["HostConfig"]["CapAdd"]) == ["KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]


@pytest.mark.parametrize("leftover", ["lock.json", "docker"])
def test_neither_lock_nor_login_is_left(staging: Environment, target: Host, leftover: str) -> None:
    assert not target.file(f"{staging.state}/{leftover}").exists


def test_nobody_but_root_can_look_into_the_state(target: Host, staging: Environment) -> None:
    assert target.file(staging.state).mode & 0o077 in (0, 0o011)
    assert target.file(f"{staging.state}/ledger.jsonl").mode == 0o600
