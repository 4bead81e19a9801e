"""What may stand on the command line of a verb: pure checks of raw extra variables, each problem one sentence.

Ansible takes its own command line for a template, and would evaluate it long before any task looks at it.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Iterator, Mapping

from ansible_collections.slipway.core.plugins.module_utils import inputs, texts
from ansible_collections.slipway.core.plugins.module_utils.version import (
    VersionError,
    parse_build_number,
    parse_digest,
    parse_version,
)

# Of Ansible's own variables the command line sets these alone: a machine that is new is reached as another user.
USER = "ansible_user"
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}\Z")
_TEMPLATE = re.compile(r"\{[{%#]")
_PERSON = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,100}\Z")
# What decides who may, which record is read, and whose code runs.
POLICY = {
    "release_approvers": "who may approve",
    "release_approval_hours": "for how long an approval holds",
    "ledger_directory": "which ledger decides",
    "deploy_name": "which ledger decides",
    "release_image": "whose image a digest is looked up in",
    "proxy_image": "whose image runs before the application",
    "build_actor": "who has built a release",
}
# Where a workflow gives what a person gives with -e.
PREFIX = "SLIPWAY_"
STATES = ("on", "off")
# What has no default; the environment itself is asked for in its own words.
REQUIRED = ("state",)


def template_problems(extra: Mapping[str, Any], is_template: Callable[[Any], bool]) -> list[str]:
    """A sentence for each extra variable that Ansible would evaluate.

    :param is_template: whether Ansible takes a text for one that it may evaluate, which values behind !unsafe are not.
    """
    return [
        f"-e {_shown(name)}=… has a template ({{{{, {{% or {{#) in it, and nothing on the command line is evaluated: "
        "give the value itself, or put the template into group_vars"
        for name, value in extra.items()
        if any(is_template(text) and _TEMPLATE.search(text) for text in _texts({name: value}))
    ]


def _shown(name: Any) -> str:
    """A name as it may be printed."""
    return re.sub(r"[^\w.-]", "?", str(name))[:60]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def connection_problems(extra: Mapping[str, Any]) -> list[str]:
    """A sentence for each variable of Ansible's own that would lead a run to other machines or programs."""
    problems = [
        f"-e {_shown(name)}=… would change how and where Ansible works, and is not taken from the command line: put it "
        "into the inventory or group_vars"
        for name in extra
        if str(name).lower().startswith("ansible_") and name != USER
    ]
    if USER in extra and not (isinstance(extra[USER], str) and _USER.match(extra[USER])):
        problems.append(f"-e {USER}=… is not the name of a user: give letters, digits, '_', '.', '@' and '-'")
    return problems


def policy_problems(extra: Iterable[str]) -> list[str]:
    """A sentence for each variable that is not in the hands of whoever runs a verb."""
    return [
        f"{name} says {POLICY[name]}, and is not taken from the command line: set it in group_vars"
        for name in sorted(set(extra) & set(POLICY))
    ]


def given(names: Iterable[str], extra: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The options of a verb that somebody has given, by name: with ``-e``, else as ``SLIPWAY_<NAME>``."""
    found = {}
    for name in names:
        if name in extra:
            found[name] = extra[name]
        elif environ.get(PREFIX + name.upper()):
            found[name] = environ[PREFIX + name.upper()]
        elif name in REQUIRED:
            found[name] = ""
    return found


def option_problems(options: Mapping[str, Any]) -> list[str]:
    """A sentence for each option whose value is not one that it can have; empty values are the default."""
    problems = []
    for name, value in options.items():
        if value is None:
            problems.append(f"{name} has no value: give it one, or leave it out")
        elif isinstance(value, (dict, list)):
            problems.append(f"{name} has to be one text, and is a {type(value).__name__}")
        elif not isinstance(value, str) and (isinstance(value, bool) or not isinstance(value, int)):
            problems.append(f"{name} is {texts.kind(value)}, which YAML made of something else: put it in quotes")
        elif name in _CHECKS and (str(value) or name in REQUIRED):
            problems += _CHECKS[name](str(value))
    return problems


def _parsed_by(parse: Callable[[str], Any]) -> Callable[[str], list[str]]:
    def check(text: str) -> list[str]:
        try:
            parse(text)
        except VersionError as error:
            return [str(error).rstrip(".")]
        return []

    return check


def _state_problems(text: str) -> list[str]:
    return [] if text in STATES else [f"state is {text!r}: give -e state=on or -e state=off"]


def _person_problems(text: str) -> list[str]:
    return (
        [] if _PERSON.match(text) else [f"approved_by is {text!r}: give a name of at most 100 characters on one line"]
    )


_CHECKS: dict[str, Callable[[str], list[str]]] = {
    "version": _parsed_by(parse_version),
    "digest": _parsed_by(parse_digest),
    "build_number": _parsed_by(parse_build_number),
    "lock_wait": inputs.wait_problems,
    "format": inputs.format_problems,
    "state": _state_problems,
    "approved_by": _person_problems,
}
