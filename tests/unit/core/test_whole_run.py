"""A verb that Ansible would cut short, or run by other settings, does not begin; no host is asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.core.plugins.module_utils import whole_run

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted(path for path in ROOT.glob("*.yml") if "hosts:" in path.read_text())
LAB = sorted(ROOT.glob("lab/*.yml"))
INVENTORY = """
all:
  hosts: {localhost: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}}
  children:
    staging: {hosts: {one: &nowhere {ansible_host: 127.0.0.1, ansible_port: 1}, two: *nowhere}}
    production: {hosts: {three: *nowhere}}
    runner: {hosts: {four: *nowhere}}
"""
VERBS = {
    "deploy": ["-e", "env=staging"],
    "rollback": ["-e", "env=staging"],
    "maintenance": ["-e", "env=staging", "-e", "state=on"],
    "provision": ["-e", "env=staging"],
    "approve": [],
    "status": [],
    "runner": [],
    "build": [],
}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.yml"
    path.write_text(INVENTORY)
    return path


def play(
    verb: str, *arguments: str, inventory: Path, folder: Path = ROOT, root: Path = ROOT, **environ: str
) -> tuple[int, str]:
    """Run a verb; returns exit code and output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SLIPWAY_"))}
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), root / f"{verb}.yml", "-i", inventory, *arguments],
        cwd=folder,
        env={**kept, "ANSIBLE_NOCOLOR": "1", "SLIPWAY_EVENTS": "", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


def refusal(verb: str, *arguments: str, **how: object) -> str:
    """The sentence by which a verb is refused, without noise around it."""
    code, output = play(verb, *arguments, **how)  # type: ignore[arg-type]
    assert code != 0, output
    assert not re.search(r"\[ERROR\]|Traceback|fatal:|unreachable", output), output
    (reason,) = [line.partition("✗ ")[2] for line in output.splitlines() if "✗ " in line]
    return reason


@pytest.mark.parametrize("path", [*PLAYBOOKS, *LAB], ids=lambda path: path.name)
def test_every_playbook_begins_where_a_run_that_is_cut_short_is_refused(path: Path) -> None:
    first = yaml.safe_load(path.read_text())[0]
    assert first["hosts"].startswith("{{ lookup('slipway.core.whole_run'")


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.name)
def test_every_verb_ends_with_a_proof(path: Path) -> None:
    plays = yaml.safe_load(path.read_text())
    last = plays[-1]["tasks"][-1]
    if path.stem == "status":
        assert "status_trouble" in last["when"]
    else:
        assert last["name"].startswith("Proof | ")
    for target in plays[1:-1]:
        if path.stem != "status":
            assert target["post_tasks"][-1]["ansible.builtin.set_fact"] == {"__proof": True}


@pytest.mark.parametrize("verb", VERBS)
def test_a_limit_that_leaves_out_localhost_is_refused(verb: str, inventory: Path) -> None:
    assert "--limit three leaves out localhost" in refusal(verb, *VERBS[verb], "--limit", "three", inventory=inventory)


def test_a_lab_that_is_limited_to_something_else_is_refused_and_another_tools_settings_are_not(inventory: Path) -> None:
    assert "--limit three leaves out localhost" in refusal("lab/up", "--limit", "three", inventory=inventory)
    foreign = {"ANSIBLE_STDOUT_CALLBACK": "default", "ANSIBLE_TASK_TIMEOUT": "0"}
    _, output = play("lab/up", "--skip-tags", "molecule-notest", inventory=inventory, **foreign)
    assert "Run the lab with its own inventory" in output


@pytest.mark.parametrize("verb", ["deploy", "status"])
def test_a_limit_that_leaves_out_a_host_is_refused(verb: str, inventory: Path) -> None:
    reason = refusal(verb, *VERBS[verb], "--limit", "all:!two", inventory=inventory)
    assert reason.startswith("--limit all:!two leaves out two, and")


def test_a_limit_that_leaves_out_nothing_is_no_obstacle(inventory: Path) -> None:
    code, output = play("deploy", "-e", "env=staging", "--limit", "localhost,staging", inventory=inventory)
    assert "the input is sound" in output
    assert code != 0


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        (["--tags", "none"], {}, "--tags none leaves out steps"),
        (["--skip-tags", "x"], {}, "--skip-tags x leaves out steps"),
        (["--start-at-task", "Cut-over"], {}, "--start-at-task leaves out"),
        (["--step"], {}, "--step lets steps be left out"),
        (["--connection", "local"], {}, "--connection local would not work on the VM"),
        ([], {"ANSIBLE_RUN_TAGS": "none"}, "--tags none leaves out steps"),
        ([], {"ANSIBLE_SKIP_TAGS": "x"}, "--skip-tags x leaves out steps"),
        ([], {"ANSIBLE_TASK_TIMEOUT": "0"}, "variable ANSIBLE_TASK_TIMEOUT changes task_timeout to 0"),
        ([], {"ANSIBLE_STDOUT_CALLBACK": "default"}, "ANSIBLE_STDOUT_CALLBACK changes stdout_callback"),
        ([], {"ANSIBLE_PIPELINING": "0"}, "ANSIBLE_PIPELINING changes pipelining"),
        ([], {"ANSIBLE_STRATEGY": "free"}, "ANSIBLE_STRATEGY changes strategy"),
        ([], {"ANSIBLE_TRANSPORT": "local"}, "transport"),
        ([], {"ANSIBLE_HOST_KEY_CHECKING": "0"}, "ANSIBLE_HOST_KEY_CHECKING changes host_key_checking"),
        ([], {"ANSIBLE_SSH_ARGS": ""}, "ANSIBLE_SSH_ARGS changes ssh_args"),
        ([], {"ANSIBLE_SSH_RETRIES": "3"}, "ANSIBLE_SSH_RETRIES changes retries to 3"),
        ([], {"ANSIBLE_YAML_FILENAME_EXT": ".yml"}, "ANSIBLE_YAML_FILENAME_EXT changes yaml_valid_extensions"),
        ([], {"ANSIBLE_HOST_PATTERN_MISMATCH": "ignore"}, "changes host_pattern_mismatch"),
        ([], {"ANSIBLE_NO_LOG": "1"}, "ANSIBLE_NO_LOG changes no_log"),
        ([], {"ANSIBLE_VARS_ENABLED": ""}, "vars_plugins_enabled"),
        ([], {"ANSIBLE_HASH_BEHAVIOUR": "merge"}, "changes hash_behaviour"),
    ],
)
def test_steps_left_out_and_settings_not_in_force_are_refused(
    inventory: Path, arguments: list[str], environ: dict[str, str], expected: str
) -> None:
    assert expected in refusal("deploy", "-e", "env=staging", *arguments, inventory=inventory, **environ)


@pytest.mark.parametrize("verb", ["approve", "build"])
def test_a_verb_from_another_folder_is_refused(verb: str, inventory: Path, tmp_path: Path) -> None:
    reason = refusal(verb, *VERBS[verb], inventory=inventory, folder=tmp_path)
    assert f"cd {ROOT} first, or export ANSIBLE_CONFIG={ROOT}/ansible.cfg" in reason


def test_another_configuration_is_refused(inventory: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.cfg"
    other.write_text("[defaults]\nstdout_callback = slipway.core.story\n")
    reason = refusal("status", inventory=inventory, ANSIBLE_CONFIG=str(other))
    assert reason.startswith(f"Ansible uses {other} instead of {ROOT}/ansible.cfg, and would work without its settings")


def test_a_verb_from_another_folder_with_the_projects_settings_begins(inventory: Path, tmp_path: Path) -> None:
    config = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    _, output = play("rollback", "-e", "env=x", inventory=inventory, folder=tmp_path, **config)
    assert "'x' is not an environment" in output


def test_a_verb_in_a_folder_that_everybody_may_write_in_is_refused(inventory: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("approve.yml", "ansible.cfg"):
        shutil.copy(ROOT / name, clone)
    for name in ("ansible", "collections"):
        (clone / name).symlink_to(ROOT / name)
    clone.chmod(0o777)
    code, output = play("approve", inventory=inventory, folder=clone, root=clone)
    assert code != 0
    assert "everybody may write in that folder, and would work without its settings (stdout_callback, " in output
    assert f"chmod o-w {clone}" in output
    assert "PLAY" not in output


def test_groups_without_hosts_have_no_status(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text("all: {hosts: {localhost: {ansible_connection: local}}, children: {staging: {}, production: {}}}")
    assert refusal("status", inventory=path).startswith("the inventory has no hosts in staging or production")


@pytest.mark.parametrize("verb", ["status", "deploy", "approve"])
def test_a_host_in_two_environments_is_refused(verb: str, tmp_path: Path) -> None:
    """It could tell of one of them only, and would have the variables of both."""
    path = tmp_path / "hosts.yml"
    path.write_text(INVENTORY.replace("production: {hosts: {three: *nowhere}}", "production: {hosts: {one: {}}}"))
    assert refusal(verb, *VERBS[verb], inventory=path).startswith("one is in staging and in production: give each")


def test_an_inventory_that_cannot_be_read_is_an_error(inventory: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("staging: {hosts: [")
    code, output = play("status", "-i", str(broken), inventory=inventory)
    assert code != 0
    assert "unreachable" not in output


@pytest.mark.parametrize("option", ["--syntax-check", "--list-hosts"])
def test_what_only_lists_says_so(inventory: Path, option: str) -> None:
    code, output = play("deploy", "-e", "env=staging", option, "--limit", "two", inventory=inventory)
    assert code == 0, output
    assert "sound" not in output


def test_the_settings_are_those_of_the_projects_own_configuration() -> None:
    own = (ROOT / "ansible.cfg").read_text()
    said = {name for name, _ in whole_run.RELIED_ON.values() if re.search(rf"^{name} = ", own, re.MULTILINE)}
    assert said >= {"stdout_callback", "task_timeout", "host_pattern_mismatch", "pipelining", "any_unparsed_is_failed"}
