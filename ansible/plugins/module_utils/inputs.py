"""What the verbs accept: pure checks of environments and variables, each problem one sentence."""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import Any, Iterable, Mapping, Sequence

MAX_WAIT_SECONDS = 86400
ENVIRONMENTS = ("staging", "production")
PORTS = ("deploy_port", "deploy_container_port")
POSITIVE = (
    "deploy_health_passes",
    "deploy_health_deadline",
    "deploy_health_timeout",
    "deploy_keep_releases",
    "release_approval_hours",
    "ledger_lock_lease",
)
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*\Z")
USER = re.compile(r"[0-9]+(:[0-9]+)?\Z")
MEMORY = re.compile(r"[0-9]+(\.[0-9]+)?[bkmgtBKMGT]?[bB]?\Z")
SECRET_FILE = re.compile(r"[^./\0][^/\0]*\Z")
ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"),
    *("rttime", "sigpending", "stack"),
)
IMAGE = re.compile(r"[a-z0-9][a-z0-9.:_-]*(/[a-z0-9][a-z0-9._-]*)+\Z")


def wait_problems(seconds: str) -> list[str]:
    """Why ``lock_wait`` is no time to wait for a lock; empty when it is one."""
    if seconds.isascii() and seconds.isdigit() and int(seconds) <= MAX_WAIT_SECONDS:
        return []
    return [f"lock_wait is {seconds!r}, and has to be a number of seconds up to {MAX_WAIT_SECONDS}"]


def format_problems(name: str) -> list[str]:
    """Why ``format`` is no way of printing; empty when it is one."""
    return [] if name in ("", "json") else [f"format is {name!r}: give -e format=json, or leave it out"]


def environment_problem(env: str, verb: str, groups: Mapping[str, Sequence[str]]) -> str:
    """Why ``env`` is no environment to run ``verb`` on; empty when it is one.

    :param groups: the hosts of each group of the inventory.
    """
    choices = " or ".join(f"-e env={name}" for name in ENVIRONMENTS)
    if not env:
        return f"{verb} needs to know where: give {choices}"
    if env not in ENVIRONMENTS:
        return f"{env!r} is not an environment: give {choices}"
    return group_problem(env, groups)


def group_problem(group: str, groups: Mapping[str, Sequence[str]]) -> str:
    """Why a verb cannot run on a group of the inventory; empty when it can."""
    if groups.get(group):
        return ""
    return f"the inventory has no hosts in group {group!r}: add one to inventory/hosts.yml"


def shared_host_problems(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """That a host of the inventory is in two environments, of which it could have the variables of one only."""
    staging, production = (groups.get(name) or [] for name in ENVIRONMENTS)
    return [
        f"{host} is in staging and in production: give each environment a host of its own in inventory/hosts.yml, with "
        "the same ansible_host where they share a VM"
        for host in staging
        if host in production
    ]


def groups_problems(wanted: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Why a verb cannot look at several groups of the inventory, of which some may be empty."""
    absent = [name for name in wanted if name not in groups]
    problems = [f"the inventory has no group {name!r}: add it to inventory/hosts.yml" for name in absent]
    if wanted and not problems and not any(groups[name] for name in wanted):
        problems.append(f"the inventory has no hosts in {' or '.join(wanted)}: add one to inventory/hosts.yml")
    return problems


def unknown_variables(names: Iterable[str], known: Iterable[str], prefixes: Iterable[str]) -> list[str]:
    """A sentence for each variable that carries one of our prefixes, or nearly so, and that no role of ours knows."""
    known_list, prefix_list = sorted(known), sorted(prefixes)
    problems = []
    for name in sorted(set(names) - set(known_list)):
        prefix, bar, _ = name.partition("_")
        if not bar:
            continue
        nearly = difflib.get_close_matches(prefix, prefix_list, 1, 0.8)
        if prefix in prefix_list or (nearly and difflib.get_close_matches(name, known_list, 1, 0.85)):
            problems.append(f"{name!r} is not a variable of Slipway{_suggestion(name, known_list)}")
    return problems


def unknown_extra_variables(names: Iterable[str], options: Iterable[str], known: Iterable[str]) -> list[str]:
    """A sentence for each ``-e`` variable that is no option of the verb, no variable of a role, and not Ansible's."""
    option_list = sorted(options)
    candidates = [*option_list, *sorted(known)]
    takes = ", ".join(option_list) or "none of its own"
    return [
        f"-e {name}=… is not known{_suggestion(name, candidates)}: the options are {takes}, and the variables of roles"
        for name in sorted(names)
        if name not in candidates and not name.startswith("ansible_")
    ]


def _suggestion(name: str, known: list[str]) -> str:
    begun = [it for it in known if len(it) > 2 and name.startswith(it)]
    close = difflib.get_close_matches(name, known, 1, 0.6) or begun
    return f" (did you mean {close[0]!r}?)" if close else ""


def _container_problems(values: Mapping[str, Any]) -> list[str]:
    """What Docker would refuse only once the candidate is started, or what would make secrets unreadable."""
    problems = []
    user = str(values.get("deploy_user", ""))
    if user and not USER.match(user):
        problems.append(f"deploy_user is {user!r}: give uid:gid in numbers, such as 10001:10001, or nothing")
    if "deploy_user" in values and not user and values.get("deploy_secrets"):
        problems.append("deploy_secrets needs deploy_user as uid:gid in numbers, so that the files get an owner")
    if "deploy_memory" in values and not MEMORY.match(str(values["deploy_memory"])):
        problems.append(f"deploy_memory is {values['deploy_memory']!r}: give a number and a unit, such as 512m, or 0")
    for name, limit in (values.get("deploy_ulimits") or {}).items():
        if name not in ULIMITS:
            problems.append(f"deploy_ulimits has {name!r}, which is none of Docker's: give {', '.join(ULIMITS)}")
        elif isinstance(limit, bool) or not isinstance(limit, int) or limit < -1:
            problems.append(f"deploy_ulimits has {limit!r} for {name}: give a whole number, or -1 for no limit")
    for name in values.get("deploy_secrets") or {}:
        if not SECRET_FILE.match(str(name)):
            problems.append(f"deploy_secrets has {name!r}: a file's name has no slash, and does not begin with a dot")
    for variable in ("deploy_secrets", "deploy_secret_env"):
        for name, value in (values.get(variable) or {}).items():
            if value is None or value == "":
                problems.append(f"{variable} has {name!r} without a value: set what it comes from, or leave it out")
    if "deploy_bind" in values:
        try:
            ipaddress.ip_address(str(values["deploy_bind"]))
        except ValueError:
            problems.append(f"deploy_bind is {values['deploy_bind']!r}: give an address, such as 0.0.0.0 or 127.0.0.1")
    return problems


def value_problems(values: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that has the right type and still cannot work."""
    problems = []
    for name in PORTS:
        if name in values and not 1 <= int(values[name]) <= 65535:
            problems.append(f"{name} is {values[name]}, and a port is between 1 and 65535")
    for name in POSITIVE:
        if name in values and int(values[name]) < 1:
            problems.append(f"{name} is {values[name]}, and has to be at least 1")
    if "deploy_name" in values and not NAME.match(str(values["deploy_name"])):
        problems.append(f"deploy_name is {values['deploy_name']!r}: use small letters, digits, '.', '_' and '-'")
    problems += _container_problems(values)
    image = values.get("release_image")
    if image is not None and not IMAGE.match(str(image)):
        problems.append(
            f"release_image is {image!r}: give registry and repository without a tag, "
            "such as registry.example.com/team/myapp"
        )
    path = values.get("deploy_health_path")
    if path is not None and not str(path).startswith("/"):
        problems.append(f"deploy_health_path is {path!r}, and has to start with '/'")
    for path in values.get("deploy_smoke_paths") or []:
        if not str(path).startswith("/"):
            problems.append(f"deploy_smoke_paths has {path!r}, and each has to start with '/'")
    return problems
