#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: container_state
short_description: Tell what became of a container
description:
  - Reads a container's state and, when asked, the last lines it logged. An application may log its secrets, so
    use C(no_log) and the filter P(slipway.core.failure#filter), which hides them.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  name:
    description: Name or id of the container.
    type: str
    required: true
  log_lines:
    description: How many of its last log lines to bring.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Why did the candidate fail
  slipway.core.container_state:
    name: myapp-staging-1.0.42-candidate
    log_lines: 20
"""

RETURN = r"""
exists:
  description: Whether there is such a container.
  returned: always
  type: bool
running:
  description: Whether it runs.
  returned: when it exists
  type: bool
exit_code:
  description: What it exited with.
  returned: when it exists
  type: int
logs:
  description: Its last log lines.
  returned: when it exists
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import labels
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "log_lines": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    engine = Engine()
    try:
        container = engine.container(module.params["name"])
        if container is None:
            module.exit_json(changed=False, exists=False, running=False)
            return
        state = labels.describe(container)
        lines = module.params["log_lines"]
        logs = engine.logs(state["name"], lines) if lines else []
    except EngineError as error:
        module.fail_json(msg=str(error))
        return
    module.exit_json(changed=False, exists=True, logs=logs, **state)


if __name__ == "__main__":
    main()
