#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_tags
short_description: Let tags name an image that is in the registry
description:
  - Puts the image's manifest under further tags. No layer is moved, and the digest stays the same.
    Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.registry
options:
  digest:
    description: Digest of the image.
    type: str
    required: true
  tags:
    description: Tags that have to name it. One that names another image is moved.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Tells which tags would be moved.
  diff_mode:
    support: none
    description: The tags that were moved are returned.
"""

EXAMPLES = r"""
- name: Push | Two more tags
  slipway.core.registry_tags:
    image: registry.example.com/team/myapp
    username: robot
    password: "{{ vault_registry_password }}"
    digest: "{{ release.digest }}"
    tags: [build-42, latest]
"""

RETURN = r"""
moved:
  description: The tags that did not name the image before.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils.registry import (
    REGISTRY_OPTIONS,
    Registry,
    RegistryError,
)
from ansible_collections.slipway.core.plugins.module_utils.version import VersionError, parse_digest


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **REGISTRY_OPTIONS,
            "digest": {"type": "str", "required": True},
            "tags": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        digest = parse_digest(module.params["digest"])
        registry = Registry.of(module.params)
        change = registry.differing if module.check_mode else registry.add_tags
        moved = change(digest, module.params["tags"])
    except (VersionError, RegistryError) as error:
        module.fail_json(msg=str(error))
        return
    story = f"tags {', '.join(moved)} name {digest[:19]}" if moved else "every tag is where it belongs"
    module.exit_json(changed=bool(moved), moved=moved, story=story)


if __name__ == "__main__":
    main()
