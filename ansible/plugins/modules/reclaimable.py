#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: reclaimable
short_description: Tell what Docker could free on a target
description:
  - Lists images that no container uses and the build cache, with their sizes. Removes nothing.
  - Images that a ledger on the target tells of are told apart, because a rollback may need them.
version_added: 0.2.0
author: Slipway contributors (@slipway)
options:
  directory:
    description: Folder of the state of all environments.
    type: path
    required: true
  image:
    description: Repository of the releases, without a tag.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: What could be freed
  slipway.core.reclaimable:
    directory: /var/lib/slipway
    image: registry.example.com/team/myapp
"""

RETURN = r"""
reclaimable:
  description: >-
    C(dangling), C(unused) and C(releases), the images of each kind with C(count), C(bytes) and the C(names) of the
    largest, and C(cache), the bytes of the build cache.
  returned: success
  type: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import environment, ledger
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.reclaimable import reclaimable


def recorded_digests(directory: Path) -> set[str]:
    """The digests that any ledger below a folder tells of; one that is damaged tells of none."""
    digests: set[str] = set()
    for path in directory.glob(f"*/{environment.LEDGER}"):
        try:
            digests.update(str(entry.get("digest")) for entry in ledger.read(str(path)))
        except (ledger.LedgerDamaged, OSError):
            continue
    return digests


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "image": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    kept = recorded_digests(Path(module.params["directory"]))
    try:
        usage = Engine().usage()
    except EngineError as error:
        module.fail_json(msg=environment.explain(error))
        return
    module.exit_json(changed=False, reclaimable=reclaimable(usage, module.params["image"], kept))


if __name__ == "__main__":
    main()
