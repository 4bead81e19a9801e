#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: container_switch
short_description: Stop one container and start another on the port it held
description:
  - Does both in one step on the target, because every moment between them is an outage.
  - When the new container cannot be started, the stopped one is started again before the module fails.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.tenure
options:
  stop:
    description: Container to stop. Empty for none.
    type: str
    default: ""
  start:
    description: Container to start. Empty for none.
    type: str
    default: ""
  grace:
    description: Seconds that the stopped container gets to finish after SIGTERM.
    type: int
    default: 30
  home:
    description: Folder of the environment's state.
    type: path
    required: true
  goes_back:
    description: Whether O(start) is what was live, so that a lock is enough that is held and cannot be renewed.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says whether anything would be switched.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Cut over
  slipway.core.container_switch:
    stop: myapp-staging-1.0.41-public
    start: myapp-staging-1.0.42-public
    home: /var/lib/slipway/myapp-staging
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
seconds:
  description: Seconds from the stop to the start, which is the outage but for the application's own start.
  returned: changed
  type: float
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import environment, way_back
from ansible_collections.slipway.core.plugins.module_utils.engine import ANSWER_SECONDS, Engine
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure

# Of Docker Engine at most: stop, start, and start the first one again.
CALLS = 3


def is_running(engine: Engine, name: str) -> bool:
    """Whether a container runs; False for an empty name or when there is none."""
    container = engine.container(name) if name else None
    return bool(container and container["State"]["Running"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "stop": {"type": "str", "default": ""},
            "start": {"type": "str", "default": ""},
            "grace": {"type": "int", "default": 30},
            "home": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "goes_back": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    stop, start = (module.params[name].lstrip("/") for name in ("stop", "start"))
    grace = module.params["grace"]
    engine = Engine()
    tried = False
    try:
        stopping = is_running(engine, stop)
        starting = bool(start) and not is_running(engine, start)
        if module.check_mode or not (stopping or starting):
            module.exit_json(changed=stopping or starting)
            return
        home, run, goes_back = (module.params[name] for name in ("home", "run", "goes_back"))
        with Tenure(Path(home), run, uncut=grace + CALLS * ANSWER_SECONDS, goes_back=goes_back):
            began = time.monotonic()

            def back() -> None:
                if stopping:
                    engine.start(stop)

            with way_back.unless_it_stays(back, stop or "nothing") as switch:
                tried = True
                if stopping:
                    engine.stop(stop, grace)
                if starting:
                    engine.start(start)
                switch.stays = True
            seconds = round(time.monotonic() - began, 2)
    except Exception as error:
        told = way_back.told(error)
        if tried:
            what = f"{stop or 'nothing'} could not be replaced by {start or 'nothing'}"
            module.fail_json(msg=f"{what}: {told}.", restarted=stopping and not isinstance(error, way_back.NotBack))
            return
        module.fail_json(msg=environment.explain(RuntimeError(f"nothing was switched, because {told}")))
        return
    module.exit_json(
        changed=True,
        seconds=seconds,
        story=f"{stop or 'nothing'} stopped, {start or 'nothing'} started, in {seconds} s",
    )


if __name__ == "__main__":
    main()
