#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: image_pull
short_description: Have an image on the target
description:
  - Pulls O(image) where it is not there yet. The login goes along with the pull and is kept nowhere, and the whole pull
    has a deadline.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.pull
  - slipway.core.tenure
options:
  image:
    description: The image with its tag or digest.
    type: str
    required: true
  home:
    description: Folder of the environment's state.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Tells whether it would be pulled.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Front | Fetch HAProxy
  slipway.core.image_pull:
    image: docker.io/library/haproxy:3.2
    home: /var/lib/slipway/myapp-staging
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r""" # """

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import lock
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.pulling import OPTIONS, pull
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            **OPTIONS,
            "home": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    engine = Engine()
    try:
        if engine.has_image(params["image"]):
            module.exit_json(changed=False, story=f"{params['image']} is there")
            return
        if not module.check_mode:
            with Tenure(Path(params["home"]), params["run"]):
                pull(engine, params["image"], params)
    except lock.LockLost as lost:
        module.fail_json(msg=f"{params['image']} was not pulled, because {lost}.")
        return
    except (EngineError, OSError) as error:
        module.fail_json(msg=f"{str(error).rstrip('.')}.")
        return
    module.exit_json(changed=True, story=f"{params['image']} pulled")


if __name__ == "__main__":
    main()
