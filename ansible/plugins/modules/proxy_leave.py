#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_leave
short_description: Let an earlier HAProxy finish what it has begun, then remove its container
description:
  - Going back to an image whose container still finishes its connections needs the name of that container. It accepts
    nothing any more, so it cannot be used again.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.environment
  - slipway.core.tenure
options:
  container:
    description: Name of the container.
    type: str
    required: true
  timeout:
    description: Seconds until what is left is cut off.
    type: int
    default: 30
attributes:
  check_mode:
    support: none
    description: What would change is told by M(slipway.core.proxy_files).
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Front | Make room for its successor
  slipway.core.proxy_leave:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    container: myapp-staging-proxy-1a2b3c4d
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
finished:
  description: Whether everything was finished in time.
  returned: changed
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import environment, front, lock
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import wait_until
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def leave(engine: Engine, container: dict[str, object], seconds: int) -> bool:
    """Remove a container when it has ended, at the latest after ``seconds``; returns whether it had ended."""
    name, finished = str(container["name"]), True
    if container["running"]:
        front.retire(engine, container)
        finished = wait_until(lambda: bool(engine.ended(name)), seconds)
    engine.remove(name)
    return finished


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "container": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 30},
            "run": {"type": "str", "required": True},
        },
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    engine = Engine()
    try:
        with Tenure(home, params["run"]):
            fronts = front.containers(engine, params["app"], params["environment"])
            finished = [leave(engine, it, params["timeout"]) for it in fronts if it["name"] == params["container"]]
    except (EngineError, OSError, lock.LockLost) as error:
        module.fail_json(msg=environment.explain(error))
        return
    how = "had finished" if all(finished) else f"was not finished after {params['timeout']} s"
    module.exit_json(changed=bool(finished), finished=all(finished), story=f"{params['container']} {how}; removed")


if __name__ == "__main__":
    main()
