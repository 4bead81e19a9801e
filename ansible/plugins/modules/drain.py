#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: drain
short_description: Let the container in the free slot finish its requests, then stop it
description:
  - Sends everybody to the live slot, which takes its share away from a canary that waited. Then waits until HAProxy
    says that no request, stream or WebSocket is left in the free slot, or until O(timeout), and stops its container, so
    that a candidate can have the slot.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.environment
  - slipway.core.tenure
options:
  container:
    description: Name of the container in the free slot, a standby's or a canary's.
    type: str
    required: true
  live:
    description: The live slot; empty for none.
    type: str
    required: true
  timeout:
    description: Seconds until what is left is cut off.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    description: Tells that it would be stopped.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Drain | Let what holds the free slot finish
  slipway.core.drain:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    container: myapp-staging-green
    live: blue
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
finished:
  description: Whether everything was finished in time.
  returned: changed
  type: bool
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import draining, environment, front, labels, lock
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError, Routes, all_to
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "container": {"type": "str", "required": True},
            "live": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 30},
            "run": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    engine = Engine()
    try:
        details = engine.container(params["container"])
        container = labels.describe(details) if details else {"running": False}
        if module.check_mode or not container["running"]:
            module.exit_json(changed=container["running"])
            return
        began = time.monotonic()
        fronts = front.containers(engine, params["app"], params["environment"])
        with Tenure(home, params["run"]):
            before = front.routes(home, fronts)
            if before:
                front.route(home, fronts, Routes(all_to(params["live"]), maintenance=before.maintenance))
            finished = draining.drain(engine, home, fronts, container, params["timeout"])
    except (EngineError, OSError, ProxyError, lock.LockLost) as error:
        module.fail_json(msg=environment.explain(error))
        return
    how = "had finished" if finished else f"was not finished after {params['timeout']} s"
    story = f"{params['container']} {how}; stopped after {time.monotonic() - began:.1f} s"
    module.exit_json(changed=True, finished=finished, story=story)


if __name__ == "__main__":
    main()
