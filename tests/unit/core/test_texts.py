"""What YAML or Ansible had to guess at is refused, and what is text is not touched."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.slipway.core.plugins.action.validate import role_options, type_problems
from ansible_collections.slipway.core.plugins.module_utils import texts

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = role_options()
TEXT_SCALARS = sorted(
    name
    for name, option in OPTIONS.items()
    if option.get("type", "str") in ("str", "path") and name not in texts.NUMBERS_TOO
)
TEXT_LISTS = sorted(name for name, option in OPTIONS.items() if option.get("elements") == "str")
# Each is written without quotes, and none of them is text then.
GUESSED = [
    *("1.10", "12:30", "0123", "0x1F", "0b11", "1_000", "12345", "-0", "1.5e+3", ".inf", ".nan"),
    *("NO", "yes", "On", "true", "~", "null", "2024-01-01", "2024-01-01 12:00:00", "[a]", "{a: b}", "!!binary aGk="),
]
# Ansible takes these for another type in quotes too.
UNSAFE = ["012345", "1.10", "yes", "0x1F", "12:30", "~", "", "2024-01-01", "1_0", "0b1", ".inf", "No"]


def read(text: str) -> dict[str, Any]:
    """YAML as Ansible reads it from group_vars."""
    return DataLoader().load(text)


def refusals(values: dict[str, Any]) -> str:
    return "; ".join(texts.problems(OPTIONS, values))


@pytest.mark.parametrize("written", GUESSED)
@pytest.mark.parametrize("variable", texts.TEXT_MAPPINGS)
def test_a_value_that_yaml_guesses_at_is_refused_by_its_variable_and_name(variable: str, written: str) -> None:
    told = refusals(read(f"{variable}: {{GOOD: text, KEY: {written}}}"))
    assert f"{variable} has KEY, which YAML reads as " in told
    assert 'and not as text: put it in quotes, KEY: "…"' in told
    assert "GOOD" not in told


@pytest.mark.parametrize("written", ["1.10", "12:30", "yes", "0123", "2024-01-01"])
@pytest.mark.parametrize("variable", texts.TEXT_MAPPINGS)
def test_a_name_that_yaml_guesses_at_is_refused(variable: str, written: str) -> None:
    assert f"{variable} has a name, which YAML reads as " in refusals(read(f"{variable}: {{{written}: text}}"))


@pytest.mark.parametrize("written", [text for text in GUESSED if text not in ("~", "null")])
def test_every_variable_that_is_text_is_refused_what_yaml_guesses_at(written: str) -> None:
    for name in TEXT_SCALARS:
        assert f"{name} has a value, which YAML reads as " in refusals(read(f"{name}: {written}"))
    for name in TEXT_LISTS:
        assert f"{name} has element 2, which YAML reads as " in refusals(read(f"{name}: [text, {written}]"))


@pytest.mark.parametrize("written", ["1.10", "NO", "~"])
def test_the_networks_names_and_aliases_are_text(written: str) -> None:
    assert "deploy_networks, element 1, has name, which" in refusals(read(f"deploy_networks: [{{name: {written}}}]"))
    aliases = read(f"deploy_networks: [{{name: a, aliases: [b, {written}]}}]")
    assert "deploy_networks, element 1, aliases has element 2, which" in refusals(aliases)


@pytest.mark.parametrize("text", UNSAFE)
def test_what_ansible_guesses_at_behind_unsafe_is_refused_with_the_way_out(text: str) -> None:
    told = refusals(read(f"deploy_secrets: {{KEY: !unsafe '{text}'}}"))
    assert "deploy_secrets has KEY, which YAML reads as" in told
    assert "behind !unsafe Ansible guesses a type in quotes too" in told


@pytest.mark.parametrize("text", ["plain", "p{{ss", "1.2.3", "0x1G", " 1", "1 ", "'", "nope", "#", "%", "é", "-"])
def test_what_is_text_behind_unsafe_stays_that_text(text: str) -> None:
    quoted = text.replace("'", "''")
    values = read(f"deploy_secrets: {{KEY: !unsafe '{quoted}'}}")
    assert values["deploy_secrets"] == {"KEY": text}
    assert not refusals(values)


@pytest.mark.parametrize("text", ["=", "<<", "!", "&", "*"])
def test_no_other_text_comes_from_behind_unsafe(text: str) -> None:
    """YAML has types of their own for these, and Ansible cannot read them at all."""
    with pytest.raises(Exception, match="Could not determine a constructor"):
        read(f"deploy_secrets: {{KEY: !unsafe '{text}'}}")


@pytest.mark.parametrize("value", [5349, 1.5, datetime.date(2024, 3, 9), ["hunter2"], {"a": "hunter2"}, b"hunter2"])
@pytest.mark.parametrize("variable", ["deploy_secrets", "deploy_secret_env"])
def test_the_value_of_a_secret_is_never_told(variable: str, value: Any) -> None:
    told = refusals({variable: {"KEY": value}})
    assert told
    assert not any(secret in told for secret in ("5349", "1.5", "2024", "hunter2"))


@pytest.mark.parametrize("half", [chr(0xD83D), f"a{chr(0xDE00)}", chr(0xDCFF)])
def test_what_no_encoding_carries_is_refused_by_name(half: str) -> None:
    for variable in texts.TEXT_MAPPINGS:
        assert f"{variable} has KEY, which holds half of a surrogate pair" in refusals({variable: {"KEY": half}})
        assert f"{variable} has the name '" in refusals({variable: {half: "text"}})
    assert "deploy_command has element 1, which holds half" in refusals({"deploy_command": [half]})


def test_nul_is_refused_where_linux_ends_a_text_with_it_and_kept_in_files() -> None:
    for variable in ("deploy_env", "deploy_secret_env", "deploy_labels", "build_args"):
        assert f"{variable} has KEY, which holds NUL" in refusals({variable: {"KEY": "a\0b"}})
    assert "deploy_entrypoint has element 1, which holds NUL" in refusals({"deploy_entrypoint": ["\0"]})
    assert not refusals({"deploy_secrets": {"KEY": "a\0b"}})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"deploy_env": {"": "a"}}, "deploy_env has an empty name"),
        ({"deploy_secret_env": {"A=B": "c"}}, "deploy_secret_env has 'A=B', and no environment variable's name can"),
        ({"deploy_labels": {"io.slipway.app": "other"}}, "deploy_labels has io.slipway.app, and what begins with"),
        ({"deploy_port": True}, "deploy_port is true, and has to be of type int"),
        ({"deploy_port": "8_080"}, "deploy_port is '8_080', and has to be of type int"),
        ({"deploy_port": "08081"}, "give a number in decimal digits, without zeros before it"),
        ({"deploy_cpus": "00.5"}, "deploy_cpus is '00.5', and has to be of type float"),
        ({"deploy_health_statuses": ["0200"]}, "deploy_health_statuses, element 1, is '0200'"),
        ({"deploy_cpus": True}, "deploy_cpus is true, and has to be of type float"),
        ({"deploy_cpus": float("nan")}, "deploy_cpus is nan, and has to be of type float"),
        ({"deploy_read_only": "y"}, "deploy_read_only is 'y', and has to be of type bool"),
        ({"deploy_health_statuses": [200, True]}, "deploy_health_statuses, element 2, is true"),
        ({"provision_docker_settings": {"a": {True: 1}}}, "provision_docker_settings.a has a name, which YAML reads"),
        ({"deploy_restart_policy": False}, "deploy_restart_policy has a value, which YAML reads as false"),
    ],
)
def test_what_would_become_something_else_is_refused(values: dict[str, Any], expected: str) -> None:
    assert expected in refusals(values)


@pytest.mark.parametrize(
    "values",
    [
        {"deploy_port": "8080", "deploy_cpus": "1.5", "deploy_read_only": "no"},
        {"deploy_port": 8080, "deploy_cpus": 2, "deploy_read_only": False, "deploy_health_statuses": [200, 204]},
        {"deploy_serial": 2, "build_number": 17},
        {"provision_docker_settings": {"live-restore": True, "log-opts": {"max-size": "10m"}, "mtu": 1400}},
    ],
)
def test_numbers_and_truth_values_are_taken_as_they_and_the_command_line_write_them(values: dict[str, Any]) -> None:
    assert not type_problems(OPTIONS, values)
    assert not refusals(values)


def test_the_defaults_of_all_roles_are_what_their_variables_take() -> None:
    for file in sorted((ROOT / "ansible/roles").glob("*/defaults/main.yml")):
        for name, value in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            if not (isinstance(value, str) and "{{" in value):
                assert not refusals({name: value})
