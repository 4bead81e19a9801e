"""What is text, and would still not arrive as it was written: each problem one sentence without its full stop."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping

# MAX_ARG_STRLEN of Linux, less the NUL at the end.
LONGEST = 131071
# Text of several lines, or of which nobody knows what it may hold.
FREE = ("proxy_tls_certificate", "proxy_registry_password", "release_registry_password")
COMMANDS = ("deploy_command", "deploy_entrypoint")
# What templating drops or changes: comments, its own header, carriage returns, and a line's end after raw.
_LOST = (
    (re.compile(r"(?s).*?\{#"), "a comment, {# … #}"),
    (re.compile(r"#jinja2:"), "the first line, #jinja2:"),
    (re.compile(r"(?s).*?(\r|\{%-?\s*(end)?raw\s*-?%\}\n)"), "line ends"),
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def template_problems(where: str, template: str) -> list[str]:
    """A sentence when templating would silently drop or change a part of a text.

    :param where: which text it is.
    :param template: the text before templating, which Ansible takes for a template.
    """
    return [
        f"{where} is a template of which Ansible drops or changes {lost}: write it without, put !unsafe before the "
        "whole mapping or list, where nothing is a template then, or encrypt it with ansible-vault encrypt_string"
        for pattern, lost in _LOST
        if pattern.match(template)
    ][:1]


def problems(options: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that cannot arrive as it is; values have passed :func:`texts.problems`."""
    found = []
    for name, value in values.items():
        of, elements = options[name].get("type", "str"), options[name].get("elements", "str")
        if isinstance(value, str) and of in ("str", "path") and name not in FREE:
            found += _line_problems(name, value)
        elif of == "list" and elements == "str" and name not in COMMANDS:
            for element in value:
                found += _line_problems(name, element)
    return [*found, *_twice(values), *_too_long(values)]


def _line_problems(name: str, text: str) -> list[str]:
    control = _CONTROL.search(text)
    return [f"{name} holds the control character {control[0]!a}: leave it out"] if control else []


def _twice(values: Mapping[str, Any]) -> list[str]:
    """That a variable is set in the open and as a secret, of which one would be lost."""
    both = sorted(set(values.get("deploy_env") or {}) & set(values.get("deploy_secret_env") or {}))
    return [f"deploy_env and deploy_secret_env both have {', '.join(both)}: leave one of them out"] if both else []


def _passed(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What Linux hands to the program, each with what it is."""
    for variable in ("deploy_env", "deploy_secret_env"):
        for name, value in (values.get(variable) or {}).items():
            yield f"{variable} has {name}", f"{name}={value}"
    for variable in COMMANDS:
        for number, word in enumerate(values.get(variable) or [], 1):
            yield f"{variable} has element {number}", word


def _too_long(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{what}, which is longer than {LONGEST} bytes, and Linux starts no program with it: give it as a file of "
        "deploy_secrets"
        for what, text in _passed(values)
        if len(text.encode("utf-8", "replace")) > LONGEST
    ]
