#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: image_push
short_description: Push an image that was just built, and say by which digest it is known
description:
  - Pushes O(name) with the Docker command line, whose login is in E(DOCKER_CONFIG), and takes the digest that the push
    itself reports.
  - Then reads the manifest of this digest, and fails unless it is that of the image O(config). No tag is asked, which
    somebody could have moved meanwhile. Runs on the controller.
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.registry
options:
  name:
    description: Name of the image, with the tag to push.
    type: str
    required: true
  config:
    description: Digest of the built image's configuration, as M(slipway.core.image_build) reports it.
    type: str
    required: true
  log:
    description: File that gets the output. Its folder is created when it is missing.
    type: path
    required: true
  push_timeout:
    description: Seconds that the push may take.
    type: float
    default: 1800.0
attributes:
  check_mode:
    support: none
    description: Without a build there is nothing to push.
  diff_mode:
    support: none
    description: An image has no meaningful difference to show.
"""

EXAMPLES = r"""
- name: Push | The layers, once
  slipway.core.image_push:
    image: registry.example.com/team/myapp
    name: registry.example.com/team/myapp:build-42
    config: "{{ built.config }}"
    log: /tmp/push.log
"""

RETURN = r"""
digest:
  description: Digest of the manifest or index that was pushed.
  returned: success
  type: str
size:
  description: Bytes of its layers, compressed as the registry stores them.
  returned: success
  type: int
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils.docker_cli import BuildError, find_builder, push
from ansible_collections.slipway.core.plugins.module_utils.registry import (
    REGISTRY_OPTIONS,
    Image,
    Registry,
    RegistryError,
)


def pushed(params: dict[str, Any]) -> Image:
    """Push, and see that the registry has under the reported digest what was built."""
    log = Path(params["log"])
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    program = find_builder(os.environ.get("PATH", os.defpath), environment)[0]
    digest = push(program, params["name"], log, params["push_timeout"])
    registry = Registry.of(params)
    config = registry.configuration_of(digest)
    if config != params["config"]:
        raise BuildError(
            f"What was pushed as {digest[:19]} is not the image that was built, {config[:19] or 'none'} instead of "
            f"{params['config'][:19]}: another build on this machine has the same number, so build the next one."
        )
    return registry.describe(digest)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **REGISTRY_OPTIONS,
            "name": {"type": "str", "required": True},
            "config": {"type": "str", "required": True},
            "log": {"type": "path", "required": True},
            "push_timeout": {"type": "float", "default": 1800.0},
        },
    )
    try:
        image = pushed(module.params)
    except (BuildError, RegistryError, OSError) as error:
        module.fail_json(msg=str(error))
        return
    story = f"pushed {module.params['name']} as {image.digest[:19]}"
    module.exit_json(changed=True, digest=image.digest, size=image.size, story=story)


if __name__ == "__main__":
    main()
