"""Whether a run of Ansible can be a whole run of a verb: pure checks, each problem one sentence with what to do.

Ansible ends well when it has skipped everything, and works without the project's settings when it does not read them.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

PRECEDENCE = [
    "all_inventory",
    "groups_inventory",
    "all_plugins_inventory",
    "all_plugins_play",
    "groups_plugins_inventory",
    "groups_plugins_play",
]
CONNECTIONS = ("ssh", "smart", "ansible.builtin.ssh")


def is_listing(cli: Mapping[str, Any]) -> bool:
    """Whether Ansible has been asked to list or check the playbook, and not to run it."""
    return any(cli.get(name) for name in ("listhosts", "listtasks", "listtags", "syntax"))


def cut_short_problems(
    cli: Mapping[str, Any], wanted: Sequence[str], reached: Sequence[str], is_verb: bool = True
) -> list[str]:
    """Which parts of a verb the command line leaves out.

    :param cli: Ansible's options.
    :param wanted: the hosts that the verb works on, ``localhost`` among them.
    :param reached: those of them that ``--limit`` leaves.
    :param is_verb: whether tags to skip matter, which some tools set for every playbook that they run.
    """
    problems = []
    missing = [host for host in wanted if host not in reached]
    if missing:
        problems.append(
            f"--limit {cli.get('subset')} leaves out {', '.join(missing)}, and a verb works on every host of its "
            "environment, beginning with localhost: leave --limit out"
        )
    if set(cli.get("tags") or ("all",)) != {"all"}:
        problems.append(
            f"--tags {','.join(cli['tags'])} leaves out steps that others rely on: leave it out, or unset "
            "ANSIBLE_RUN_TAGS"
        )
    if cli.get("skip_tags") and is_verb:
        problems.append(
            f"--skip-tags {','.join(cli['skip_tags'])} leaves out steps that others rely on: leave it out, or unset "
            "ANSIBLE_SKIP_TAGS"
        )
    if cli.get("start_at_task"):
        problems.append("--start-at-task leaves out the steps before it: leave it out, a verb is safe to run again")
    if cli.get("step"):
        problems.append(
            "--step lets steps be left out that others rely on: leave it out, and see --check --diff instead"
        )
    if cli.get("connection") not in (None, *CONNECTIONS):
        problems.append(f"--connection {cli['connection']} would not work on the VM: leave it out, the verbs use SSH")
    return problems


def _one_of(*accepted: Any) -> Callable[[Any], bool]:
    return lambda value: value in accepted


def _keeps_time(value: Any) -> bool:
    return "ServerAliveInterval" in str(value) and "ConnectTimeout" in str(value)


# What the verbs rely on: Ansible's name of the setting, that of ansible.cfg or of Ansible's documentation, and what it
# has to be. Plugins' settings have the plugin before a dot.
RELIED_ON: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "DEFAULT_STDOUT_CALLBACK": ("stdout_callback", _one_of("slipway.core.story")),
    "HOST_PATTERN_MISMATCH": ("host_pattern_mismatch", _one_of("error")),
    "INVENTORY_ANY_UNPARSED_IS_FAILED": ("any_unparsed_is_failed", _one_of(True)),
    "TASK_TIMEOUT": ("task_timeout", lambda value: int(value) > 0),
    "INJECT_FACTS_AS_VARS": ("inject_facts_as_vars", _one_of(False)),
    "DUPLICATE_YAML_DICT_KEY": ("duplicate_dict_key", _one_of("error")),
    "ssh.host_key_checking": ("host_key_checking", _one_of(True)),
    "ssh.pipelining": ("pipelining", _one_of(True)),
    "ssh.ssh_args": ("ssh_args", _keeps_time),
    # A step whose connection broke would be done a second time, though the first one may be at work still.
    "ssh.reconnection_retries": ("retries", _one_of(0)),
    # These are as Ansible has them, unless somebody changes them.
    "DEFAULT_KEEP_REMOTE_FILES": ("keep_remote_files", _one_of(False)),
    "DEFAULT_STRATEGY": ("strategy", _one_of("linear", "ansible.builtin.linear")),
    "DEFAULT_TRANSPORT": ("transport", _one_of(*CONNECTIONS)),
    "DEFAULT_NO_LOG": ("no_log", _one_of(False)),
    "DEFAULT_HASH_BEHAVIOUR": ("hash_behaviour", _one_of("replace")),
    "ALLOW_BROKEN_CONDITIONALS": ("allow_broken_conditionals", _one_of(False)),
    "VARIABLE_PLUGINS_ENABLED": (
        "vars_plugins_enabled",
        lambda value: bool({"host_group_vars", "ansible.builtin.host_group_vars"} & set(value)),
    ),
    "YAML_FILENAME_EXTENSIONS": ("yaml_valid_extensions", lambda value: {".yml", ".yaml"} <= set(value)),
    "VARIABLE_PRECEDENCE": ("precedence", lambda value: list(value) == PRECEDENCE),
}


def settings_problems(
    settings: Mapping[str, tuple[Any, str]], config_file: str | None, own_file: str, world_writable: bool
) -> list[str]:
    """That Ansible works by other settings than the verbs rely on.

    :param settings: for each of :data:`RELIED_ON` the value in force, and where it comes from.
    :param config_file: the configuration file that Ansible has read.
    :param own_file: the one beside the playbook.
    :param world_writable: whether Ansible ignores a configuration in the folder that it was started from.
    """
    wrong = {name: settings[name] for name, (_, good) in RELIED_ON.items() if not good(settings[name][0])}
    from_environment = {name: origin for name, (_, origin) in wrong.items() if origin.startswith("env: ")}
    problems = [
        f"the environment variable {origin[5:]} changes {RELIED_ON[name][0]} to {wrong[name][0]!r}, which the verbs "
        "cannot work with: unset it"
        for name, origin in from_environment.items()
    ]
    others = ", ".join(RELIED_ON[name][0] for name in wrong if name not in from_environment)
    if not others:
        return problems
    folder = own_file.rpartition("/")[0]
    if config_file == own_file:
        problems.append(f"{own_file} changes {others}, which the verbs rely on: take that file as it was")
    elif world_writable:
        problems.append(
            f"Ansible ignores {own_file}, because everybody may write in that folder, and would work without its "
            f"settings ({others}): chmod o-w {folder}, then run this again"
        )
    else:
        used = f"uses {config_file}" if config_file else "has found no configuration"
        problems.append(
            f"Ansible {used} instead of {own_file}, and would work without its settings ({others}): cd {folder} first, "
            f"or export ANSIBLE_CONFIG={own_file}"
        )
    return problems
