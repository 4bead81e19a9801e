"""Text that YAML, templates, shells, Ansible or Docker might take for something else."""

from __future__ import annotations

from typing import Any

import yaml as pyyaml

TEXTS = (
    *("012345", "1.10", "yes", "NO", "0x1F", "12:30", "1e3", "null", "~", "", "2024-01-01", "=", "<<", "0b1", ".inf"),
    *("{{ x }}", "{% raw %}", "{# gone #}", "a\r\nb", "end\n", "\n\n", " both ", "\t", "'\"`$(id)`\\", "#no", "- a: b"),
    *("e\u0301", "\u00e9", "\u212b", "\u202eabc", "\ufeffbom", "\u2028", "\U0001f6a2", "\x85", "\x1b[2J", "\x7f"),
    *(
        "[1, 2]",
        '{"a": 1}',
        "!unsafe x",
        "&a",
        "*a",
        "None",
        "True",
        "__omit_place_holder__",
        "$ANSIBLE_VAULT;1.1;AES256",
    ),
    *("#jinja2: trim_blocks: False\nx", "%s %(a)s", "$HOME ${HOME} $$", "\\n\\", "x" * 100_000),
)
# What may be the name of a variable or label.
NAMED = {"NO": "a", "1.10": "b", "with space": "c", "ünï": "d", "~": "e", "{{ x }}": "f"}


class Unsafe(dict[str, Any]):
    """A mapping behind !unsafe, in which Ansible takes no text for a template."""


class UnsafeList(list[Any]):
    """A list behind !unsafe."""


class Dumper(pyyaml.SafeDumper):
    """Puts every text in quotes."""


Dumper.add_representer(str, lambda dumper, it: dumper.represent_scalar("tag:yaml.org,2002:str", it, '"'))
Dumper.add_representer(Unsafe, lambda dumper, it: dumper.represent_mapping("!unsafe", it))
Dumper.add_representer(UnsafeList, lambda dumper, it: dumper.represent_sequence("!unsafe", it))


def dumped(variables: dict[str, Any]) -> str:
    """Variables as YAML."""
    return pyyaml.dump(variables, Dumper=Dumper, allow_unicode=False, width=10**9)


def yaml(variables: dict[str, Any]) -> str:
    """Variables as YAML, each mapping and list behind !unsafe."""
    wrapped = {name: Unsafe(it) if isinstance(it, dict) else UnsafeList(it) for name, it in variables.items()}
    return dumped(wrapped)
