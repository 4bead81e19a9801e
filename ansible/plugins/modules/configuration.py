#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: configuration
short_description: Keep a release's configuration on the target, or bring back one that is kept
description:
  - With O(configuration) and O(secrets), keeps them under O(config) so that a rollback finds them again. Secret
    files get mode 0600 and the container's user as their owner.
  - Without them, reads what is kept under O(config).
  - The answer contains secrets. Use C(no_log).
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  directory:
    description: Folder of the environment's state.
    type: path
    required: true
  config:
    description: Hash of the configuration, as M(slipway.core.environment_open) reports it.
    type: str
    required: true
  configuration:
    description: What the release runs with, without its secrets.
    type: dict
  secrets:
    description: A mapping with C(env) and C(files), each from name to value, as one JSON text.
    type: json
attributes:
  check_mode:
    support: none
    description: The configuration is needed to start a container, which check mode does not.
  diff_mode:
    support: none
    description: The difference is shown by M(slipway.core.environment_open), without secrets.
"""

EXAMPLES = r"""
- name: Keep this release's configuration
  slipway.core.configuration:
    directory: /var/lib/slipway/myapp-staging
    config: 0123456789abcdef
    configuration: {env: {}, user: "10001:10001"}
    secrets: "{{ {'env': {}, 'files': {'API_KEY': api_key}} | to_json }}"
  register: kept
  no_log: true
"""

RETURN = r"""
configuration:
  description: The configuration without secrets.
  returned: success
  type: dict
secret_env:
  description: Secret environment variables.
  returned: success
  type: dict
secret_values:
  description: Every secret value, for hiding them in texts.
  returned: success
  type: list
  elements: str
files_dir:
  description: Folder of the secret files, empty when there are none.
  returned: success
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import snapshot, wanted


def owner(user: str) -> tuple[int, int]:
    """The numeric ids of a container user given as ``uid``, ``uid:gid`` or empty (root).

    :raises ValueError: a user given by name, which only the image could translate.
    """
    uid, _, gid = (user or "0:0").partition(":")
    if not uid.isdigit() or not (gid or uid).isdigit():
        raise ValueError(f"deploy_user is {user!r}: give numbers, uid:gid, so that secret files get their owner")
    return int(uid), int(gid or uid)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "config": {"type": "str", "required": True},
            "configuration": {"type": "dict"},
            "secrets": {"type": "json", "no_log": True},
        },
        required_together=[["configuration", "secrets"]],
    )
    directory, config = module.params["directory"], module.params["config"]
    changed = False
    try:
        if module.params["configuration"] is not None:
            asked = wanted.configuration(module.params["configuration"], module.params["secrets"])
            uid, gid = owner(asked.public["user"])
            changed = snapshot.write(directory, config, asked.public, asked.secrets_env, asked.secret_files, uid, gid)
        kept = snapshot.read(directory, config)
    except (ValueError, OSError, snapshot.SnapshotDamaged) as error:
        module.fail_json(msg=f"{str(error).rstrip('.')}.")
        return
    files = Path(directory) / "configs" / config / "files"
    module.exit_json(
        changed=changed,
        configuration=kept.public,
        secret_env=kept.secrets_env,
        secret_values=list(kept.secrets.values()),
        files_dir=str(files) if kept.secret_files else "",
    )


if __name__ == "__main__":
    main()
