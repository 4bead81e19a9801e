"""Bad input is refused before any host is touched: one sentence with the cause and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.application import Application

Overlay = Callable[[dict[str, Any]], Path]
# What is let through by mistake is refused by the registry, and nothing is deployed.
NO_SUCH_VERSION = "1.0.99"
GIVE = r"give -e env=staging or -e env=production"


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    """Make an inventory that, read after the lab's, sets variables as group_vars would."""

    def make(variables: dict[str, Any]) -> Path:
        path = tmp_path / "overlay.yml"
        hosts = {"myapp-staging": variables, "myapp-prod": variables}
        path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        return path

    return make


@pytest.mark.parametrize(
    ("verb", "env", "expected"),
    [
        ("deploy", None, rf"deploy\.yml needs to know where: {GIVE}"),
        ("deploy", "all", rf"'all' is not an environment: {GIVE}"),
        ("deploy", "stagin", rf"'stagin' is not an environment: {GIVE}"),
        ("deploy", "staging:production", rf"'staging:production' is not an environment: {GIVE}"),
        ("rollback", None, rf"rollback\.yml needs to know where: {GIVE}"),
        ("rollback", "all", rf"'all' is not an environment: {GIVE}"),
    ],
)
def test_environment(application: Application, verb: str, env: str | None, expected: str) -> None:
    run = application.run(verb, **({} if env is None else {"env": env}))
    assert re.match(expected, run.reason)
    assert {event["phase"] for event in run.events} <= {"validate"}


def test_group_without_hosts(application: Application) -> None:
    """No machine of the lab is a runner."""
    assert application.run("runner").reason.startswith("the inventory has no hosts in group 'runner': add one to")


def test_limit_without_the_validation(application: Application) -> None:
    run = application.run("deploy", "--limit", "myapp-staging", env="staging", version=NO_SUCH_VERSION)
    assert "--limit myapp-staging leaves out localhost, and a verb works on every host" in run.reason


@pytest.mark.parametrize("seconds", ["soon", "-1", "1.5", "100000"])
def test_seconds_to_wait_for_the_lock(application: Application, seconds: str) -> None:
    reason = application.run("deploy", env="staging", version=NO_SUCH_VERSION, lock_wait=seconds).reason
    assert reason == f"lock_wait is '{seconds}', and has to be a number of seconds up to 86400."


def test_format_of_the_status(application: Application) -> None:
    assert application.run("status", format="jsn").reason == "format is 'jsn': give -e format=json, or leave it out."


@pytest.mark.parametrize(
    ("verb", "version"),
    [("deploy", "latest"), ("deploy", "1.0"), ("deploy", "v1.0.1"), ("rollback", "1.0"), ("approve", "latest")],
)
def test_version_is_three_numbers(application: Application, verb: str, version: str) -> None:
    env = {} if verb == "approve" else {"env": "production"}
    run = application.run(verb, version=version, **env)
    assert re.match(rf"'{version}' is not a version: give three numbers with dots, such as 1\.0\.42", run.reason)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"deploy_helth_path": "/"}, r"'deploy_helth_path' is not a variable .*did you mean 'deploy_health_path'"),
        ({"release_approver": ["a"]}, r"'release_approver' is not a variable .*did you mean 'release_approvers'"),
        ({"depoly_health_path": "/"}, r"'depoly_health_path' is not .*did you mean 'deploy_health_path'"),
        ({"deploy_pids_limit": "plenty"}, r"deploy_pids_limit is 'plenty', and has to be of type int"),
        ({"deploy_volumes": {"a": "b"}}, r"deploy_volumes is .*, and has to be of type list"),
        ({"deploy_version_source": "guess"}, r"deploy_version_source is 'guess', .* one of json, header, none"),
        ({"deploy_container_port": 80000}, r"deploy_container_port is 80000, and a port is between 1 and 65535"),
        ({"deploy_health_path": "health"}, r"deploy_health_path is 'health', and has to start with '/'"),
        ({"deploy_memory": "{{ lots }}"}, r"deploy_memory cannot be worked out: .*'lots' is undefined"),
        ({"release_registry_password_file": "/no/such"}, r"release_registry_password_file is '/no/such', where"),
        ({"deploy_env": '{"A": "b"}'}, r"deploy_env is a text, .* of type dict: on the command line, give JSON"),
        ({"deploy_smoke_paths": None}, r"deploy_smoke_paths has no value: give it one, or leave it out"),
        ({"deploy_user": "app"}, r"deploy_user is 'app': give uid:gid in numbers"),
        ({"deploy_user": "", "deploy_secrets": {"a": "b"}}, r"deploy_secrets needs deploy_user as uid:gid"),
        ({"deploy_memory": "lots"}, r"deploy_memory is 'lots': give a number and a unit"),
        ({"deploy_secrets": {"a/b": "x"}}, r"deploy_secrets has 'a/b': a file's name has no slash"),
        ({"deploy_serial": 0}, r"deploy_serial is '0': give a number of hosts from 1, or a share from 1% to 100%"),
        ({"deploy_serial": "many"}, r"deploy_serial is 'many': give a number of hosts"),
        ({"deploy_bind": "eth0"}, r"deploy_bind is 'eth0': give an address"),
        ({"deploy_strategy": "wishful"}, r"deploy_strategy is 'wishful', and has to be one of blue_green, canary"),
    ],
)
def test_variables(application: Application, overlay: Overlay, variables: dict[str, Any], expected: str) -> None:
    run = application.run("deploy", env="staging", version=NO_SUCH_VERSION, overlay=overlay(variables))
    assert re.search(expected, run.reason), run.reason
    assert {event["phase"] for event in run.events} <= {"validate"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"versoin": "1.0.1"}, r"versoin.* is not known .*did you mean 'version'"),
        ({"deploy_prot": 1}, r"deploy_prot.* is not .*did you mean 'deploy_port'"),
        ({"dry_run": True}, r"dry_run.* is not known"),
    ],
)
def test_extra_variables(application: Application, variables: dict[str, Any], expected: str) -> None:
    run = application.run("deploy", **{"env": "staging", "version": NO_SUCH_VERSION, **variables})
    assert re.search(expected, run.reason), run.reason
    assert {event["phase"] for event in run.events} <= {"validate"}
