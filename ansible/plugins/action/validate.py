"""Controller side of M(slipway.core.validate): refuse bad input before any host is touched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.slipway.core.plugins.module_utils import (
    altered,
    command_line,
    front_inputs,
    inputs,
    redact,
    texts,
)
from ansible_collections.slipway.core.plugins.plugin_utils import templated, written

JSON_HINT = """JSON, such as -e '{"deploy_env": {"A": "b"}}'"""
PORT_VARIABLES = ("deploy_strategy", "deploy_port", "proxy_redirect_port", *front_inputs.SLOT_DISTANCE)
ROLES = Path(__file__).resolve().parents[2] / "roles"


def role_options() -> dict[str, dict[str, Any]]:
    """Every public variable of every role, with its argument spec."""
    options: dict[str, dict[str, Any]] = {}
    for specs in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        loaded = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]
        for entry_point in loaded.values():
            options.update(entry_point.get("options") or {})
    return options


def type_problems(options: dict[str, dict[str, Any]], values: dict[str, Any]) -> list[str]:
    """A sentence for each value that its argument spec does not accept."""
    problems = []
    for name, value in values.items():
        if value is None:
            problems.append(f"{name} has no value: give it one, or leave it out")
            continue
        kind = options[name].get("type", "str")
        if isinstance(value, str) and kind in ("dict", "list"):
            problems.append(f"{name} is a text, and has to be of type {kind}: on the command line, give {JSON_HINT}")
            continue
        spec = {key: val for key, val in options[name].items() if key in ("type", "elements", "choices")}
        outcome = ArgumentSpecValidator({name: spec}).validate({name: value})
        if outcome.error_messages:
            wanted = spec.get("choices") or spec.get("type", "str")
            shown = "secret" if options[name].get("no_log") else repr(value)
            problems.append(f"{name} is {shown}, and has to be {_phrase(wanted)}")
    return problems


def password_file_problems(values: dict[str, Any]) -> list[str]:
    """That the file with the registry's password is missing, which its lookup would tell less clearly."""
    path = values.get("release_registry_password_file") or os.environ.get("SLIPWAY_REGISTRY_PASSWORD_FILE")
    if not path or Path(path).expanduser().is_file():
        return []
    return [
        f"release_registry_password_file is {path!r}, where there is no file: correct it, or the environment variable "
        "SLIPWAY_REGISTRY_PASSWORD_FILE"
    ]


def _phrase(wanted: Any) -> str:
    if isinstance(wanted, list):
        return "one of " + ", ".join(str(choice) for choice in wanted)
    return f"of type {wanted}"


class ActionModule(ActionBase):
    """Checks the options of a verb and every variable of ours; reports all problems, a sentence each."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "verb": {"type": "str", "required": True},
                "env": {"type": "str"},
                "group": {"type": "str", "default": ""},
                "groups": {"type": "list", "elements": "str", "default": []},
                "options": {"type": "list", "elements": "str", "default": []},
            }
        )
        variables = task_vars or {}
        # As they were given: a task's arguments would have been templates by now.
        given = command_line.given(args["options"], load_extra_vars(DataLoader()), os.environ)
        if "env" in args["options"]:
            args["env"] = str(given.get("env") or "")
        sources = written.Sources(self._loader.get_text_file_contents, context.CLIARGS.get("extra_vars", ()))
        problems = [it for name in sorted(given) for it in written.number_problems(name, given[name], sources)]
        problems = problems or self._command_line_problems(args, given, variables)
        if not problems:
            for host in self._hosts(args, variables):
                problems = self._variable_problems(variables["hostvars"][host]) or templated.problems(
                    role_options(),
                    variables["hostvars"].raw_get(host),
                    variables["hostvars"][host],
                    self._templar.is_template,
                    sources,
                )
                if problems:
                    break
        if not problems and args["env"]:
            problems = self._front_problems(args, given, variables)
        if problems:
            return {"failed": True, "changed": False, "msg": "; ".join(dict.fromkeys(problems)) + "."}
        by_environment = sorted(set(given) - set(load_extra_vars(DataLoader())))
        told = ", ".join(f"{command_line.PREFIX}{name.upper()}={given[name]}" for name in by_environment)
        warnings = self._short_secrets(args, variables) if args["verb"] == "deploy.yml" else []
        story = f"the input is sound ({told})" if told else "the input is sound"
        return {"changed": False, "story": story, **({"warnings": warnings} if warnings else {})}

    def _short_secrets(self, args: dict[str, Any], variables: dict[str, Any]) -> list[str]:
        """A warning for each secret that cannot be hidden where an application prints it."""
        warnings = []
        for host in self._hosts(args, variables):
            for variable in ("deploy_secrets", "deploy_secret_env"):
                for name in redact.unmaskable(variables["hostvars"][host].get(variable) or {}):
                    warnings.append(
                        f"{variable} has {name!r}, which is too short to be masked in logs and messages: give it a "
                        f"value of {redact.SHORTEST} characters or more"
                    )
        return list(dict.fromkeys(warnings))

    def _command_line_problems(
        self, args: dict[str, Any], given: dict[str, Any], variables: dict[str, Any]
    ) -> list[str]:
        groups = variables["groups"]
        problems = []
        if args["env"] is not None:
            problems.append(inputs.environment_problem(args["env"], args["verb"], groups))
        elif args["group"]:
            problems.append(inputs.group_problem(args["group"], groups))
        else:
            problems += inputs.groups_problems(args["groups"], groups)
        problems = list(filter(None, problems)) + inputs.shared_host_problems(groups)
        problems += command_line.option_problems(given)
        extra = load_extra_vars(DataLoader())
        problems += command_line.policy_problems(extra)
        problems += inputs.unknown_extra_variables(extra, args["options"], role_options())
        return problems

    @staticmethod
    def _front_problems(args: dict[str, Any], given: dict[str, Any], variables: dict[str, Any]) -> list[str]:
        """What a decision on a canary, and the ports of all environments together, make impossible."""
        hostvars, groups = variables["hostvars"], variables["groups"]
        first = hostvars[groups[args["env"]][0]]
        problems = front_inputs.decision_problems(
            str(given.get("canary") or ""), str(given.get("canary_weight") or 0), first
        )
        if set(load_extra_vars(DataLoader())) & set(PORT_VARIABLES):
            # A port of the command line would seem to be that of every environment.
            return problems
        environments = []
        for name in inputs.ENVIRONMENTS:
            for host in groups.get(name) or []:
                values = hostvars[host]
                vm = f"{values.get('ansible_host', host)}:{values.get('ansible_port', 22)}"
                environments.append((name, vm, {key: values[key] for key in PORT_VARIABLES if key in values}))
        return problems + list(dict.fromkeys(front_inputs.shared_vm_problems(environments)))

    @staticmethod
    def _hosts(args: dict[str, Any], variables: dict[str, Any]) -> list[str]:
        group = args["env"] or args["group"]
        return list(variables["groups"][group]) if group else ["localhost"]

    @staticmethod
    def _variable_problems(host_variables: Any) -> list[str]:
        options = role_options()
        prefixes = {name.split("_", 1)[0] for name in options}
        problems = inputs.unknown_variables(host_variables, options, prefixes)
        values: dict[str, Any] = {}
        for name in sorted(set(host_variables) & set(options)):
            try:
                values[name] = host_variables[name]
            except AnsibleError as error:
                problems.append(f"{name} cannot be worked out: {' '.join(str(error).split())}")
        if not problems:
            problems = type_problems(options, values) or texts.problems(options, values)
            problems += texts.connection_problems(host_variables)
        return problems or [
            *altered.problems(options, values),
            *inputs.value_problems(values),
            *front_inputs.problems(values),
            *password_file_problems(values),
        ]
