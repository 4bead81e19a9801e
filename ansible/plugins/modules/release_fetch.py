#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: release_fetch
short_description: Bring to the target what a release needs, its image and its configuration
description:
  - Pulls O(image) by O(digest) where it is not there yet. The login goes along with the pull and is kept nowhere.
  - With O(configuration) and O(secrets), keeps them under O(config) so that a rollback finds them again. Secret
    files get mode 0600 and the container's user as their owner.
  - Without them, reads what is kept under O(config).
  - The answer contains secrets. Use C(no_log).
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.pull
options:
  image:
    description: Repository of the image, without a tag. Empty to leave images alone.
    type: str
    default: ""
  digest:
    description: Digest of the release.
    type: str
    default: ""
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
  run:
    description: >-
      The run that changes something, which has to hold the environment's lock. Without it nothing is pulled or kept.
    type: str
    default: ""
attributes:
  check_mode:
    support: none
    description: The configuration is needed to start a container, which check mode does not.
  diff_mode:
    support: none
    description: The difference is shown by M(slipway.core.environment_open), without secrets.
"""

EXAMPLES = r"""
- name: Pull | What this release needs
  slipway.core.release_fetch:
    image: registry.example.com/team/myapp
    digest: "{{ release.digest }}"
    directory: /var/lib/slipway/myapp-staging
    config: 0123456789abcdef
    configuration: {env: {}, user: "10001:10001"}
    secrets: "{{ {'env': {}, 'files': {'API_KEY': api_key}} | to_json }}"
  register: kept
  no_log: true
"""

RETURN = r"""
pulled:
  description: Whether the image had to be pulled.
  returned: success
  type: bool
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
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import held, lock, snapshot, wanted
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.pulling import OPTIONS, pull
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def owner(user: str) -> tuple[int, int]:
    """The numeric ids of a container user given as ``uid``, ``uid:gid`` or empty (root).

    :raises ValueError: a user given by name, which only the image could translate.
    """
    uid, _, gid = (user or "0:0").partition(":")
    if not uid.isdigit() or not (gid or uid).isdigit():
        raise ValueError(f"deploy_user is {user!r}: give numbers, uid:gid, so that secret files get their owner")
    return int(uid), int(gid or uid)


def fetch(params: dict[str, Any]) -> bool:
    """Pull the image if it is not there; returns whether it had to be.

    :raises EngineError: it cannot be had; the message says what to check.
    """
    image, digest = params["image"], params["digest"]
    engine = Engine()
    if not image:
        return False
    absent = not engine.has_image(f"{image}@{digest}")
    if absent:
        pull(engine, f"{image}@{digest}", params)
    held.hold(engine, image, digest, Path(params["directory"]).name)
    return absent


def keep(params: dict[str, Any]) -> bool:
    """Keep the configuration if one is given; returns whether it was not there already."""
    if params["configuration"] is None:
        return False
    asked = wanted.configuration(params["configuration"], params["secrets"], Path(params["directory"]).name)
    uid, gid = owner(asked.public["user"])
    return snapshot.write(
        params["directory"], params["config"], asked.public, asked.secrets_env, asked.secret_files, uid, gid
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "default": ""},
            "digest": {"type": "str", "default": ""},
            **OPTIONS,
            "directory": {"type": "path", "required": True},
            "config": {"type": "str", "required": True},
            "configuration": {"type": "dict"},
            "secrets": {"type": "json", "no_log": True},
            "run": {"type": "str", "default": ""},
        },
        required_together=[["configuration", "secrets"], ["image", "digest"]],
    )
    directory, config = module.params["directory"], module.params["config"]
    try:
        pulled = changed = False
        if module.params["run"]:
            with Tenure(Path(directory), module.params["run"]):
                pulled = fetch(module.params)
                changed = keep(module.params)
        kept = snapshot.read(directory, config, snapshot.load_key(directory))
    except (EngineError, ValueError, OSError, lock.LockLost, snapshot.SnapshotDamaged) as error:
        module.fail_json(msg=f"{str(error).rstrip('.')}.")
        return
    files = snapshot.files(Path(directory), config)
    module.exit_json(
        changed=pulled or changed,
        pulled=pulled,
        configuration=kept.public,
        secret_env=kept.secrets_env,
        secret_values=list(kept.secrets.values()),
        files_dir=str(files) if kept.secret_files else "",
    )


if __name__ == "__main__":
    main()
