"""An image that is not ours runs as the variables say, and its settings arrive as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Environment, Step
from testinfra.host import Host

VARIABLES = Path(__file__).parents[1] / "vars" / "main.yml"


class Loader(yaml.SafeLoader):
    """Reads ``!unsafe`` as the text it marks."""


def unsafe(loader: Loader, node: yaml.ScalarNode) -> str:
    """The text that the tag marks."""
    return str(loader.construct_scalar(node))


Loader.add_constructor("!unsafe", unsafe)


@pytest.fixture(scope="module")
def variables() -> dict[str, Any]:
    """The scenario's variables, read without Ansible."""
    loaded: dict[str, Any] = yaml.load(VARIABLES.read_text(encoding="utf-8"), Loader)  # noqa: S506 a safe loader
    return loaded


def environment_of(staging: Environment, target: Host) -> dict[str, str]:
    """The environment of the container's first process, from the kernel."""
    content = target.file(f"/proc/{staging.container['State']['Pid']}/environ").content.decode()
    return dict(setting.split("=", 1) for setting in content.split("\0") if setting)


def test_it_serves(steps: dict[str, Step], staging: Environment) -> None:
    assert steps["first"]["after"]["body"].strip() == "other 1.0.1"
    assert staging.get("/").strip() == "other 1.0.2"


def test_environment_variables_arrive_unchanged(staging: Environment, target: Host, variables: dict[str, Any]) -> None:
    arrived = environment_of(staging, target)
    assert arrived["GREETING"] == variables["deploy_env"]["GREETING"]
    assert arrived["LINES"] == variables["deploy_env"]["LINES"]
    assert arrived["SWITCH"] == "true"
    assert arrived["API_KEY"] == variables["deploy_secret_env"]["API_KEY"]


def test_secret_files_arrive_unchanged(staging: Environment, target: Host, variables: dict[str, Any]) -> None:
    folder = f"{staging.state}/configs/{staging.label('config')}/files"
    for name, content in variables["deploy_secrets"].items():
        assert target.file(f"{folder}/{name}").content.decode() == content
        assert staging.execute(f"cksum '/run/secrets/{name}'") == (
            target.check_output("cksum %s", f"{folder}/{name}").replace(folder, "/run/secrets")
        )


def test_secret_files_belong_to_the_container_s_user_alone(staging: Environment, variables: dict[str, Any]) -> None:
    listed = staging.execute("sh -c 'stat -c \"%a %u %g %n\" /run/secrets/*'").splitlines()
    assert listed == [f"600 33 33 /run/secrets/{name}" for name in sorted(variables["deploy_secrets"])]


def test_secrets_are_told_nowhere(steps: dict[str, Step], staging: Environment, variables: dict[str, Any]) -> None:
    for secret in [variables["deploy_secret_env"]["API_KEY"], *variables["deploy_secrets"].values()]:
        for step in steps.values():
            assert secret not in step["output"]
        assert secret not in str(staging.ledger)


def test_it_runs_as_the_variables_say(staging: Environment) -> None:
    container = staging.container
    assert container["Config"]["User"] == "33:33"
    assert container["HostConfig"]["CapAdd"] == ["NET_BIND_SERVICE"]
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert set(container["HostConfig"]["Tmpfs"]) == {"/run", "/var/lib/nginx", "/var/log/nginx"}
    assert container["Config"]["Cmd"] == ["nginx", "-g", "daemon off; error_log stderr;"]
