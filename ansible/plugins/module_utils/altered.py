"""What is text, and would still not arrive as it was written: each problem one sentence without its full stop."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator, Mapping

from ansible_collections.slipway.core.plugins.module_utils import texts

# MAX_ARG_STRLEN of Linux, less the NUL at the end.
LONGEST = 131071
# Text of several lines, or of which nobody knows what it may hold.
FREE = ("proxy_tls_certificate", "proxy_registry_password", "release_registry_password")
COMMANDS = ("deploy_command", "deploy_entrypoint")
_COMMENT = re.compile(r"\{#")
# Templating ends lines its own way, and drops a line's end after a block.
_LINE_END = re.compile(r"\r|\{%-?\s*(end)?raw\s*-?%\}\n")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LEADING_ZERO = re.compile(r"-?0[0-9]")


def template_problems(raw: Mapping[str, Any], is_template: Callable[[Any], bool]) -> list[str]:
    """A sentence for each text of which templating would silently drop or change a part.

    :param raw: the variables as they were read, before any templating.
    :param is_template: whether Ansible takes a text for a template, which values behind !unsafe are not.
    """
    found = []
    for variable in texts.TEXT_MAPPINGS:
        values = raw.get(variable)
        for name, value in values.items() if isinstance(values, Mapping) else ():
            if not isinstance(value, str) or not is_template(value):
                continue
            lost = "a comment, {# … #}" if _COMMENT.search(value) else "line ends" if _LINE_END.search(value) else ""
            if lost:
                found.append(
                    f"{variable} has {name}, a template of which Ansible drops or changes {lost}: encrypt the value "
                    "with ansible-vault, or write it without them"
                )
    return found


def problems(options: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that cannot arrive as it is; values have passed :func:`texts.problems`."""
    found = []
    for name, value in values.items():
        of, elements = options[name].get("type", "str"), options[name].get("elements", "str")
        if isinstance(value, str) and of in ("str", "path") and name not in FREE:
            found += _line_problems(name, value)
        elif isinstance(value, str) and of in ("int", "float") and _LEADING_ZERO.match(value):
            found.append(f"{name} is {value!r}: give the number without a zero before it")
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
