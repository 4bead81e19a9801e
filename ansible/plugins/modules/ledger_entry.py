#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_entry
short_description: Add an entry to an environment's ledger
description:
  - Verifies the ledger's hash chain and adds one entry, atomically and durably.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  directory:
    description: Folder of the environment's state. It is created when it is missing.
    type: path
    required: true
  event:
    description: What happened.
    type: str
    choices: [deployed, failed, approved, aborted]
    required: true
  fields:
    description: What belongs to the event. Never a secret.
    type: dict
    required: true
  configuration:
    description: The configuration, without its secrets, whose hash becomes the field C(config).
    type: dict
  secrets:
    description: Its secrets, JSON of V(env) and V(files).
    type: json
  front:
    description: >-
      What belongs to the front, with C(settings) and C(config), whose hash becomes the field C(front). Empty where no
      proxy owns the public port.
    type: dict
  run:
    description: The run that has to hold the environment's lock still. Empty for an entry that needs no lock.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Verifies the ledger and adds nothing.
  diff_mode:
    support: none
    description: A ledger only grows.
"""

EXAMPLES = r"""
- name: Record the deployment
  slipway.core.ledger_entry:
    directory: /var/lib/slipway/myapp-staging
    event: deployed
    fields: {version: 1.0.42, digest: "sha256:…", config: 0123456789abcdef}
"""

RETURN = r"""
entry:
  description: The entry as it is in the ledger.
  returned: changed
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    fingerprints,
    front_snapshot,
    history,
    ledger,
    lock,
    recording,
    snapshot,
    wanted,
)
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def answer(entry: dict[str, Any]) -> dict[str, Any]:
    """What the module returns."""
    return {"changed": True, "entry": entry, "story": f"ledger entry {entry['seq']}: {entry['event']}"}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "event": {
                "type": "str",
                "required": True,
                "choices": ["deployed", "failed", "approved", "aborted"],
            },
            "fields": {"type": "dict", "required": True},
            "configuration": {"type": "dict"},
            "secrets": {"type": "json", "no_log": True},
            "front": {"type": "dict", "default": {}},
            "run": {"type": "str", "default": ""},
        },
        required_together=[["configuration", "secrets"]],
        supports_check_mode=True,
    )
    directory, event, fields = (module.params[name] for name in ("directory", "event", "fields"))
    path = Path(directory) / environment.LEDGER
    try:
        history.check_fields(event, fields)
        if module.check_mode:
            ledger.read(str(path))
            module.exit_json(changed=True)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if module.params["secrets"]:
            asked = wanted.configuration(module.params["configuration"], module.params["secrets"], path.parent.name)
            key = snapshot.load_or_create_key(str(path.parent))
            front = front_snapshot.asked(module.params["front"], "")
            fields = {
                **fields,
                "config": snapshot.config_hash(asked.public, asked.secrets, key),
                "front": front.hash if front else front_snapshot.NONE,
                "settings": fingerprints.of(asked, front, key),
            }
        if module.params["run"]:
            with Tenure(path.parent, module.params["run"]) as tenure, tenure.whole():
                entry = recording.record(str(path), event, fields, module.warn)
                tenure.has_done(answer(entry))
        else:
            entry = recording.record(str(path), event, fields, module.warn)
    except (ValueError, OSError, ledger.LedgerDamaged, lock.LockLost, snapshot.SnapshotDamaged) as error:
        module.fail_json(msg=environment.explain(error))
        return
    module.exit_json(**answer(entry))


if __name__ == "__main__":
    main()
