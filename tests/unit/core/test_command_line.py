"""What may stand on the command line of a verb, and what comes through its environment: no host is asked."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.core.plugins.module_utils import command_line
from test_whole_run import ROOT, VERBS, inventory, play, refusal

__all__ = ["inventory"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PIPE = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}"


@pytest.mark.parametrize("verb", VERBS)
def test_a_template_on_the_command_line_is_refused_and_not_evaluated(
    inventory: Path, tmp_path: Path, verb: str
) -> None:
    proof = tmp_path / "evaluated"
    names = ["version", "env", "build_number", "nonsense", "ansible_user", "deploy_port", "playbook_dir"]
    reason = refusal(verb, *VERBS[verb], "-e", json.dumps(dict.fromkeys(names, PIPE % proof)), inventory=inventory)
    for name in names:
        assert f"-e {name}=… has a template" in reason
    assert not proof.exists()


@pytest.mark.parametrize(
    "value", ["{% if 1 %}x{% endif %}", "{# x #}", ["{{ 1 }}"], {"a": {"b": "{{ 1 }}"}}, {"{{ 1 }}": 2}]
)
def test_every_kind_of_template_is_one(value: object) -> None:
    assert command_line.template_problems({"deploy_env": value}, lambda text: True)


def test_a_template_is_refused_in_a_file_too_and_text_that_ansible_does_not_trust_is_none(
    inventory: Path, tmp_path: Path
) -> None:
    proof, extra = tmp_path / "evaluated", tmp_path / "extra.yml"
    extra.write_text(f'version: "{PIPE % proof}"')
    assert "-e version=… has a template" in refusal("status", "-e", f"@{extra}", inventory=inventory)
    extra.write_text("deploy_env: {A: !unsafe '{{ 1 }}'}")
    assert refusal("deploy", "-e", f"@{extra}", inventory=inventory).startswith("deploy.yml needs to know where")
    assert not proof.exists()


def test_a_listing_evaluates_no_template_either(inventory: Path, tmp_path: Path) -> None:
    proof = tmp_path / "evaluated"
    given = json.dumps({"env": PIPE % proof})
    assert "has a template" in refusal("deploy", "--list-hosts", "-e", given, inventory=inventory)
    assert not proof.exists()


def test_ansibles_own_variables_are_refused(inventory: Path) -> None:
    names = ["ssh_executable", "connection", "python_interpreter", "ssh_common_args", "become_exe", "host", "port"]
    given = " ".join(f"ansible_{name}=/bin/false" for name in [*names, "check_mode"])
    reason = refusal("deploy", "-e", f"env=staging version=1.0.1 {given}", inventory=inventory)
    for name in names:
        assert f"-e ansible_{name}=… would change how and where Ansible works" in reason


def test_another_user_may_log_in_and_has_to_be_one(inventory: Path) -> None:
    _, output = play("provision", "-e", "env=staging", "-e", "ansible_user=root", inventory=inventory)
    assert "the input is sound" in output
    reason = refusal("provision", "-e", "env=staging", "-e", "ansible_user=-oProxyCommand=x", inventory=inventory)
    assert "is not the name of a user" in reason


@pytest.mark.parametrize("verb", VERBS)
def test_policy_is_refused_on_the_command_line(inventory: Path, verb: str) -> None:
    given = json.dumps(dict.fromkeys(command_line.POLICY, "x"))
    reason = refusal(verb, *VERBS[verb], "-e", given, inventory=inventory)
    for name, what in command_line.POLICY.items():
        assert f"{name} says {what}, and is not taken from the command line: set it in group_vars" in reason


@pytest.mark.parametrize(
    ("verb", "environ", "expected"),
    [
        ("deploy", {"SLIPWAY_ENV": "all"}, "'all' is not an environment"),
        ("deploy", {"SLIPWAY_ENV": "{{ 1 }}"}, "'{{ 1 }}' is not an environment"),
        ("rollback", {"SLIPWAY_ENV": "production", "SLIPWAY_VERSION": PIPE}, "is not a version"),
        (
            "rollback",
            {"SLIPWAY_ENV": "staging", "SLIPWAY_VERSION": "1.0.1 ansible_x=/x"},
            "is not a version",
        ),
        ("rollback", {"SLIPWAY_ENV": "staging", "SLIPWAY_VERSION": "1.0.1\n"}, "is not a version"),
        ("deploy", {"SLIPWAY_ENV": "staging", "SLIPWAY_DIGEST": "sha256:1"}, "is not a digest"),
        ("deploy", {"SLIPWAY_ENV": "staging", "SLIPWAY_CANARY": "x"}, "canary is 'x'"),
        ("deploy", {"SLIPWAY_ENV": "staging", "SLIPWAY_CANARY_WEIGHT": "x"}, "canary_weight is 'x'"),
        ("deploy", {"SLIPWAY_ENV": "staging", "SLIPWAY_LOCK_WAIT": "x"}, "lock_wait is 'x'"),
        ("maintenance", {"SLIPWAY_ENV": "staging", "SLIPWAY_STATE": "x"}, "state is 'x'"),
        ("maintenance", {"SLIPWAY_ENV": "staging"}, "state is ''"),
        ("build", {"SLIPWAY_BUILD_NUMBER": "07"}, "'07' is not a build number"),
        ("approve", {"SLIPWAY_APPROVED_BY": "a\x1b[2J"}, "approved_by is 'a\\x1b[2J'"),
        ("status", {"SLIPWAY_FORMAT": "x"}, "format is 'x'"),
    ],
)
def test_the_environment_says_what_e_says_and_is_held_to_the_same_grammar(
    inventory: Path, verb: str, environ: dict[str, str], expected: str
) -> None:
    assert expected in refusal(verb, inventory=inventory, **environ)


def test_options_of_the_environment_reach_the_verb_and_are_told(inventory: Path) -> None:
    environ = {"SLIPWAY_ENV": "staging", "SLIPWAY_VERSION": "1.0.7", "SLIPWAY_LOCK_WAIT": "", "SLIPWAY_DIGEST": ""}
    _, output = play("rollback", inventory=inventory, **environ)
    assert "the input is sound (SLIPWAY_ENV=staging, SLIPWAY_VERSION=1.0.7)" in output
    assert re.search(r"lock +one .*unreachable", output)


def test_what_e_says_comes_before_the_environment(inventory: Path) -> None:
    reason = refusal("deploy", "-e", "env=stagin", inventory=inventory, SLIPWAY_ENV="staging")
    assert reason.startswith("'stagin' is not an environment")


@pytest.mark.parametrize(
    ("name", "value"), [("version", None), ("version", ["1.0.1"]), ("env", {"a": 1}), ("lock_wait", True)]
)
def test_options_are_texts(inventory: Path, name: str, value: object) -> None:
    given = json.dumps({"env": "staging", name: value})
    assert name.partition("_")[0] in refusal("deploy", "-e", given, inventory=inventory)


@pytest.mark.parametrize("value", [1.1, True, datetime.date(2024, 3, 9)])
@pytest.mark.parametrize("name", ["version", "approved_by", "canary", "lock_wait", "format"])
def test_what_yaml_guessed_at_is_no_option(name: str, value: object) -> None:
    (told,) = command_line.option_problems({name: value})
    assert told.startswith(f"{name} is ")
    assert "which YAML made of something else: put it in quotes" in told
    assert not command_line.option_problems({"lock_wait": 30, "build_number": "17"})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_puts_anything_on_the_command_line_of_a_verb(path: Path) -> None:
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        for step in job.get("steps", []):
            script = step.get("run", "")
            assert "${{" not in script, script
            if "ansible-playbook" in script:
                assert re.fullmatch(r"\S*ansible-playbook \w+\.yml", script.strip()), script


def test_no_example_of_a_workflow_puts_a_value_on_a_command_line() -> None:
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        assert not re.search(r"(-e|--extra-vars)[ =].*\$(\{\{|\{?[A-Z])", path.read_text()), path
