#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_config
short_description: Make a private copy of the user's Docker configuration
description:
  - Makes a folder for E(DOCKER_CONFIG) that only its owner can read. The user's plugins, proxies and other
    logins work from there, and a login that is added to it never reaches the user's own configuration.
  - A folder that a killed run left behind is replaced.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  path:
    description: The folder. Its parents are created when they are missing.
    type: path
    required: true
  server:
    description: Registry whose login will be added. The user's own one for it is left out.
    type: str
    required: true
attributes:
  check_mode:
    support: none
    description: The folder is scratch space of one run.
  diff_mode:
    support: none
    description: The configuration may hold logins.
notes:
  - Never reports a change, since what it makes is scratch space of one run.
"""

EXAMPLES = r"""
- name: Login | A private Docker configuration
  slipway.core.docker_config:
    path: "{{ playbook_dir }}/.slipway/docker"
    server: registry.example.com
"""

RETURN = r""" # """

import json
import os
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils.docker_login import private_configuration


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "server": {"type": "str", "required": True},
        },
    )
    folder = Path(module.params["path"])
    home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        own_file = home / "config.json"
        own = json.loads(own_file.read_text(encoding="utf-8")) if own_file.is_file() else {}
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        content = private_configuration(own, module.params["server"], str(home / "cli-plugins"))
        with os.fdopen(os.open(folder / "config.json", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(content, file)
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"The Docker configuration in {home} cannot be copied to {folder}: {error}.")
        return
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
