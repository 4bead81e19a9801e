"""Text, numbers and truth values as they were written: what YAML or Ansible had to guess at is refused.

YAML makes a number, a truth value, a date or nothing of ``1.10``, ``NO``, ``2024-01-01`` and ``~``, and what somebody
had written cannot be told from them any more. Checks are pure, each problem one sentence without its full stop.
"""

from __future__ import annotations

import math
import re
from typing import Any, Mapping

UNSAFE = (
    "behind !unsafe Ansible guesses a type in quotes too, so leave it out, or put it before the whole mapping or list "
    "and not before a value"
)
# Text that is a number by its kind, and may be given as one.
NUMBERS_TOO = ("build_number", "deploy_serial")
TEXT_MAPPINGS = ("build_args", "deploy_env", "deploy_labels", "deploy_secret_env", "deploy_secrets")
ENVIRONMENTS = ("deploy_env", "deploy_secret_env", "build_args")
# A file, unlike what Linux hands to a program, may hold NUL.
FILES = ("deploy_secrets",)
# Ansible's own, by which it finds and enters a machine.
CONNECTION = ("ansible_host", "ansible_user", "ansible_ssh_private_key_file")
OWN_LABELS = "io.slipway."
TRUTHS = ("true", "yes", "on", "1", "false", "no", "off", "0")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")


def kind(value: Any, hidden: bool = False) -> str:
    """What YAML has made of a value, in words; a hidden one is not shown."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    if isinstance(value, bytes):
        return "binary data"
    if hidden:
        return (
            "a truth value" if isinstance(value, bool) else "a number" if isinstance(value, (int, float)) else "a date"
        )
    return str(value).lower() if isinstance(value, bool) else str(value)


def content_problem(text: str, nul: bool = False) -> str:
    """What a text holds that cannot arrive as it is; empty when it is sound.

    :param nul: whether it may hold NUL.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "half of a surrogate pair, or a byte that is not UTF-8"
    return "NUL, which ends a text in Linux" if "\0" in text and not nul else ""


def _text_problems(where: str, value: Any, quoted: str, hidden: bool = False, nul: bool = False) -> list[str]:
    """Why a value is no text that arrives as it is.

    :param where: what the value is, with ``has`` or ``is``, as the beginning of the sentence.
    :param quoted: how it is written in quotes.
    """
    if not isinstance(value, str):
        return [f"{where}, which YAML reads as {kind(value, hidden)} and not as text: put it in quotes, {quoted}"]
    trouble = content_problem(value, nul)
    return [f"{where}, which holds {trouble}: leave it out"] if trouble else []


def mapping_problems(name: str, values: Mapping[Any, Any], hidden: bool) -> list[str]:
    """Why a mapping is none of texts to texts."""
    found = []
    for key, value in values.items():
        trouble = content_problem(key) if isinstance(key, str) else ""
        if not isinstance(key, str):
            found += _text_problems(f"{name} has a name", key, '"…": …')
        elif trouble:
            found.append(f"{name} has the name {key!a}, which holds {trouble}: leave it out")
        elif not key:
            found.append(f"{name} has an empty name: give it one, or leave it out")
        elif name == "deploy_labels" and key.startswith(OWN_LABELS):
            found.append(f"{name} has {key}, and what begins with {OWN_LABELS} is Slipway's own: give it another name")
        elif name in ENVIRONMENTS and "=" in key:
            found.append(f"{name} has {key!r}, and no environment variable's name can hold '=': give it another name")
        else:
            found += _text_problems(f"{name} has {key}", value, f'{key}: "…"', hidden, name in FILES)
    return found


def list_problems(name: str, values: Any, hidden: bool = False) -> list[str]:
    """Why the elements of a list are no texts."""
    found = []
    for position, value in enumerate(values, 1):
        found += _text_problems(f"{name} has element {position}", value, '"…"', hidden)
    return found


def network_problems(name: str, values: Any) -> list[str]:
    """Why the names and aliases of networks are no texts."""
    found = []
    for position, network in enumerate(values, 1):
        where = f"{name}, element {position},"
        for key, value in network.items() if isinstance(network, Mapping) else ():
            if not isinstance(key, str):
                found += _text_problems(f"{where} has a name", key, '"…": …')
            elif isinstance(value, (list, tuple)):
                found += list_problems(f"{where} {key}", value)
            elif value is not None or key == "name":
                found += _text_problems(f"{where} has {key}", value, f'{key}: "…"')
    return found


def connection_problems(values: Mapping[str, Any]) -> list[str]:
    """Why those of Ansible's own variables that say where to work, and as whom, are no texts.

    :param values: all variables of a host.
    """
    found = []
    for name in CONNECTION:
        if name in values:
            found += _text_problems(f"{name} has a value", values[name], f'{name}: "…"')
    return found


def _setting_problems(name: str, value: Any) -> list[str]:
    """Why a structure would become another one as JSON, which has only texts as names, and no dates."""
    found = []
    if isinstance(value, Mapping):
        for key, inner in value.items():
            found += _text_problems(f"{name} has a name", key, '"…": …') or _setting_problems(f"{name}.{key}", inner)
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value, 1):
            found += _setting_problems(f"{name}, element {position},", inner)
    elif not isinstance(value, (bool, int, float)) and value is not None:
        found += _text_problems(f"{name} has a value", value, '"…"')
    return found


def _number_problem(name: str, value: Any, of: str, hidden: bool = False) -> str:
    """Why a value is no number or truth value, of which Ansible would make one; empty when it is."""
    if of == "bool":
        sound = str(value).lower() in TRUTHS if isinstance(value, (bool, int, str)) else False
        wanted = "true or false"
    elif isinstance(value, str):
        sound = bool((_WHOLE if of == "int" else _NUMBER).match(value))
        wanted = "a number in decimal digits, without zeros before it"
    else:
        sound = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        sound = sound and (of == "float" or value == int(value))
        wanted = "a whole number" if of == "int" else "a number"
    if sound:
        return ""
    shown = repr(str(value)) if isinstance(value, str) and not hidden else kind(value, hidden)
    return f"{name} is {shown}, and has to be of type {of}: give {wanted}"


def _of_type(name: str, value: Any, option: Mapping[str, Any]) -> list[str]:
    hidden, of, elements = bool(option.get("no_log")), option.get("type", "str"), option.get("elements", "str")
    if of == "dict":
        if isinstance(value, Mapping) and name in TEXT_MAPPINGS:
            return mapping_problems(name, value, hidden)
        return _setting_problems(name, value)
    if of == "list":
        if elements == "dict":
            return network_problems(name, value)
        if elements == "str":
            return list_problems(name, value, hidden)
        return [_number_problem(f"{name}, element {number},", one, elements) for number, one in enumerate(value, 1)]
    if of in ("int", "float", "bool"):
        return [_number_problem(name, value, of, hidden)]
    if name in NUMBERS_TOO and isinstance(value, int) and not isinstance(value, bool):
        return []
    return _text_problems(f"{name} has a value", value, f'{name}: "…"', hidden)


def problems(options: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that is not what its variable takes, or cannot arrive as it is.

    :param options: the argument specs of the variables, which have accepted the values but for the types of texts.
    :param values: the variables that are set.
    """
    found = [problem for name, value in values.items() for problem in _of_type(name, value, options[name]) if problem]
    misread = [number for number, problem in enumerate(found) if "and not as text" in problem]
    if misread:
        found[misread[-1]] += f" ({UNSAFE})"
    return found
