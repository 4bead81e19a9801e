"""Roles say the same in defaults and argument_specs, and explain every variable."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "ansible" / "roles"
WITH_DEFAULTS = sorted(path.parents[1] for path in ROLES.glob("*/defaults/main.yml"))


@pytest.mark.parametrize("role", WITH_DEFAULTS, ids=lambda role: role.name)
def test_defaults_and_argument_specs_are_equal(role):
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
    # A role without tasks/main.yml has no entry point of that name, whose arguments Ansible would check in a task.
    entry_point = "main" if (role / "tasks" / "main.yml").is_file() else "variables"
    options = specs["argument_specs"][entry_point]["options"]
    assert list(options) == list(defaults)
    assert {name: option["default"] for name, option in options.items()} == defaults
    assert all(option["description"] for option in options.values())


@pytest.mark.parametrize("role", WITH_DEFAULTS, ids=lambda role: role.name)
def test_every_default_has_a_comment_above_and_the_roles_prefix(role):
    lines = (role / "defaults" / "main.yml").read_text().splitlines()
    for above, line in pairwise(lines):
        if line[:1].isalpha():
            assert line.startswith(f"{role.name}_"), line
            assert above.startswith("#"), f"{line} has no comment above it"


@pytest.mark.parametrize("role", sorted(path for path in ROLES.iterdir() if path.is_dir()), ids=lambda role: role.name)
def test_no_variable_is_set_without_prefix(role):
    for file in role.glob("vars/*.yml"):
        for name in yaml.safe_load(file.read_text()):
            assert name.startswith(f"__{role.name}_"), f"{file.name}: {name}"


def test_every_public_variable_is_used_by_something():
    root = ROLES.parents[1]
    used = [*root.glob("*.yml"), *ROLES.glob("*/[thv]*/**/*.*"), *(root / "ansible/plugins").glob("**/*.py")]
    code = "\n".join(path.read_text() for path in used)
    names = [name for role in WITH_DEFAULTS for name in yaml.safe_load((role / "defaults" / "main.yml").read_text())]
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []
