"""Where every verb begins: a run that Ansible would cut short, or would do by other settings, does not begin."""

from __future__ import annotations

DOCUMENTATION = r"""
name: whole_run
short_description: Refuse a run that cannot be a whole one
description:
  - Stands in C(hosts) of a playbook's first play, and gives V(localhost). Ansible evaluates that before it connects to
    anything and before it reads a variable, whatever C(--limit) and C(--tags) say, also without ansible.cfg.
  - Ends the run with one sentence when the command line leaves out hosts or steps of the verb, when a setting of
    Ansible's that verbs rely on is not in force, when an extra variable holds a template, or is one of Ansible's own.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  _terms:
    description: Groups of the inventory that the verb works on; V(env) for the environment that was asked for.
    type: list
    elements: str
  verb:
    description: Whether the run is a verb. Other playbooks, such as those of the lab, are imported by tools that have
      settings, and tags to skip, of their own.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Validate
  hosts: "{{ lookup('slipway.core.whole_run', 'env') }}"
"""

RETURN = r"""
_raw:
  description: The host of the first play, V(localhost).
  type: list
  elements: str
"""

import os
import stat
import sys
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase
from ansible.template import is_trusted_as_template
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from ansible_collections.slipway.core.plugins.module_utils import command_line, inputs, whole_run

LOCALHOST = "localhost"


class LookupModule(LookupBase):
    """Gives V(localhost), or ends the run."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        extra = load_extra_vars(self._loader)
        problems = command_line.template_problems(extra, is_trusted_as_template)
        problems += command_line.connection_problems(extra)
        if not whole_run.is_listing(context.CLIARGS):
            if self.get_option("verb"):
                problems += self._settings_problems(Path((variables or {})["playbook_dir"]))
            problems += self._cut_short_problems(terms, extra, variables or {})
        if problems:
            # An error of Ansible's would bring lines of the playbook, and its own words, around the sentence.
            Display().display(f"         ✗ {'; '.join(problems)}.", color=C.COLOR_ERROR, stderr=True)
            sys.exit(1)
        return [LOCALHOST]

    def _cut_short_problems(self, terms: list[str], extra: Any, variables: dict[str, Any]) -> list[str]:
        asked = str(command_line.given(["env"], extra, os.environ).get("env") or "")
        # What is no environment is refused by name in the first step.
        names = [asked if term == "env" else term for term in terms if term != "env" or asked in inputs.ENVIRONMENTS]
        groups = variables["groups"]
        wanted = list(dict.fromkeys([LOCALHOST, *(host for name in names for host in groups.get(name) or [])]))
        reached = wanted
        if context.CLIARGS.get("subset"):
            inventory = InventoryManager(self._loader, sources=list(variables["ansible_inventory_sources"]))
            inventory.subset(context.CLIARGS["subset"])
            reached = [host for host in wanted if inventory.get_hosts(host)]
        return whole_run.cut_short_problems(context.CLIARGS, wanted, reached, self.get_option("verb"))

    @staticmethod
    def _settings_problems(folder: Path) -> list[str]:
        own = next(
            (path / "ansible.cfg" for path in (folder, *folder.parents) if (path / "ansible.cfg").is_file()), None
        )
        settings = {}
        for name in whole_run.RELIED_ON:
            plugin, dot, option = name.rpartition(".")
            kind = {"plugin_type": "connection", "plugin_name": plugin} if dot else {}
            settings[name] = C.config.get_config_value_and_origin(option, **kind)
        here = Path.cwd()
        writable = bool(own and here.samefile(own.parent) and here.stat().st_mode & stat.S_IWOTH)
        used = os.path.realpath(C.CONFIG_FILE) if C.CONFIG_FILE else None
        return whole_run.settings_problems(settings, used, os.path.realpath(own or folder / "ansible.cfg"), writable)
