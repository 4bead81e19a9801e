"""provision.yml turns a bare machine into a target, says so beforehand, and does nothing the second time."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.integration.provision.machine import DEPLOYER, PROVIDED_USER, Machine

SETTINGS = "/etc/docker/daemon.json"
OPENED_TO_ALL = "tcp://0.0.0.0:2375"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"provision_authorized_keys_file": ""}, r"Nobody could log in as shipper: list public keys"),
        ({"provision_authorized_keys_file": "no/such/file.pub"}, r"Nobody could log in as shipper: list public keys"),
        ({"provision_authorized_keys": ["-----BEGIN PRIVATE KEY-----"]}, r"1 of the 2 keys for shipper are no public"),
        ({"provision_user": "root"}, r'provision_user is "root": use small letters.* not root'),
        ({"provision_user": "x ALL=(ALL) ALL"}, r'provision_user is "x ALL=\(ALL\) ALL": use small letters'),
        ({"release_registry_ca_file": "no/such/ca.crt"}, r"release_registry_ca_file is .* finds no certificate"),
        ({"provision_authorised_keys": []}, r"provision_authorised_keys.*did you mean 'provision_authorized_keys'"),
    ],
)
def test_bad_input_is_refused(machine: Machine, variables: dict[str, Any], expected: str) -> None:
    run = machine.provision_first(**variables)
    assert re.search(expected, run.reason), run.reason
    assert {event["phase"] for event in run.events} <= {"", "validate", "input"}


@pytest.mark.parametrize(("name", "system", "version"), [("Debian 11", "debian", "11"), ("Fedora 42", "fedora", "42")])
def test_unsupported_system_is_refused(machine: Machine, name: str, system: str, version: str) -> None:
    machine.run("sh", "-euc", "mkdir /run/true; cd /etc; cp -a os-release debian_version /run/true; rm os-release")
    machine.write("/etc/os-release", f'NAME="{name}"\nPRETTY_NAME="{name}"\nID={system}\nVERSION_ID="{version}"\n')
    machine.write("/etc/debian_version", f"{version}.1\n")
    try:
        with machine.untouched():
            run = machine.provision_first()
    finally:
        machine.run("sh", "-euc", "rm /etc/os-release; cp -a /run/true/* /etc; rm -r /run/true")
    assert re.match(rf"bare runs {name}.*, and nothing was changed on it: .* Debian 12 or Ubuntu 22\.04", run.reason)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            '{"debug": tru}',
            r"daemon\.json on bare is not a JSON object \(.*line 1 column 11.*\), and nothing was changed",
        ),
        (json.dumps({"hosts": [OPENED_TO_ALL]}), rf"takes commands on {OPENED_TO_ALL}, .* and nothing was changed"),
    ],
)
def test_unsound_docker_settings_are_refused(machine: Machine, settings: str, expected: str) -> None:
    machine.write(SETTINGS, settings)
    try:
        with machine.untouched():
            run = machine.provision_first()
    finally:
        machine.run("rm", "-r", "/etc/docker")
    assert re.search(expected, run.reason), run.reason


def test_deployer_has_a_key_and_sudo_but_no_password(provisioned: Machine) -> None:
    host = provisioned.host()
    user = host.user(DEPLOYER)
    assert user.password == "*"
    assert user.groups == [DEPLOYER]
    with host.sudo(DEPLOYER):
        assert host.check_output("sudo -n id -u") == "0"
    sudoers = host.file("/etc/sudoers.d/slipway")
    assert (sudoers.user, sudoers.group, sudoers.mode) == ("root", "root", 0o440)
    assert host.run("visudo -c").rc == 0
    keys = host.file(f"/home/{DEPLOYER}/.ssh/authorized_keys")
    assert (keys.user, keys.mode) == (DEPLOYER, 0o600)
    assert keys.content_string.splitlines() == [provisioned.public_key]
    assert host.file(f"/home/{DEPLOYER}/.ssh").mode == 0o700


def test_packages_that_a_target_needs(provisioned: Machine) -> None:
    host = provisioned.host()
    for package in ["ca-certificates", "docker.io", "python3", "python3-requests", "sudo"]:
        assert host.package(package).is_installed


def test_docker_engine_is_set_up_and_trusts_the_registry(provisioned: Machine) -> None:
    host = provisioned.host()
    assert json.loads(host.file(SETTINGS).content_string) == {
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-file": "3", "max-size": "10m"},
    }
    authority = host.file(f"/etc/docker/certs.d/{provisioned.lab.registry}/ca.crt")
    assert authority.content_string == (provisioned.lab.directory / "ca.crt").read_text(encoding="ascii")


def test_only_root_reads_the_ledgers_folder(provisioned: Machine) -> None:
    folder = provisioned.host().file("/var/lib/slipway")
    assert (folder.user, folder.group, folder.mode) == ("root", "root", 0o700)


@pytest.mark.parametrize("arguments", [[], ["--check", "--diff"]])
def test_second_time_changes_nothing(provisioned: Machine, arguments: list[str]) -> None:
    with provisioned.untouched():
        run = provisioned.provision(*arguments)
    assert run.code == 0, run.output
    assert run.changed == 0


def test_a_deployment_can_pull(with_engine: Machine) -> None:
    image = (with_engine.lab.directory / "base_image").read_text(encoding="ascii").strip()
    run = with_engine.play("tests/integration/provision/pull", env="staging", image=image)
    assert run.code == 0, run.output
    assert image in with_engine.run("docker", "image", "inspect", image)


def test_nothing_but_ssh_is_reached_from_outside(with_engine: Machine) -> None:
    sockets = with_engine.host().socket.get_listening_sockets()
    outside = {socket for socket in sockets if socket.startswith(("tcp", "udp")) and "://127." not in socket}
    assert outside == {"tcp://0.0.0.0:22", "tcp://:::22"}


def test_an_engine_started_with_an_open_socket_is_refused(with_engine: Machine) -> None:
    pid = with_engine.run("cat", "/run/docker.pid")
    stand_in = f"exec -a dockerd python3 -c 'import time; time.sleep(600)' --host={OPENED_TO_ALL}"
    impostor = with_engine.run("bash", "-c", f"({stand_in}) >/dev/null & echo $!")
    with_engine.write("/run/docker.pid", impostor)
    try:
        run = with_engine.provision()
    finally:
        with_engine.write("/run/docker.pid", pid)
        with_engine.run("kill", impostor.strip())
    assert re.search(rf"takes commands on {OPENED_TO_ALL}, .* and nothing was changed", run.reason)


def test_own_docker_settings_stay(with_engine: Machine) -> None:
    with_engine.write(SETTINGS, '{"shutdown-timeout": 20, "live-restore": false}')
    run = with_engine.provision(provision_docker_settings={"live-restore": True, "log-opts": {"max-size": "1m"}})
    assert run.changed == 1, run.output
    assert "restart dockerd" in run.output
    settings = json.loads(with_engine.run("cat", SETTINGS))
    assert settings == {"shutdown-timeout": 20, "live-restore": True, "log-opts": {"max-size": "1m"}}


def test_hardened_ssh_refuses_passwords_and_root_and_lets_the_deployer_in(provisioned: Machine) -> None:
    provided_key = provisioned.lab.directory / "id_ed25519"
    assert provisioned.login(PROVIDED_USER, provided_key) == 0
    run = provisioned.provision(provision_harden_ssh=True)
    assert run.code == 0, run.output
    effective = provisioned.run("sshd", "-T").splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no", "permitrootlogin no"} <= set(effective)
    assert provisioned.login(PROVIDED_USER, provided_key) == 255
    assert provisioned.login(DEPLOYER, provisioned.key) == 0
