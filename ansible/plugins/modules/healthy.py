#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: healthy
short_description: Wait until a URL answers healthy several times in a row
description:
  - Asks from the task's host, with the library beneath M(ansible.builtin.uri), until it has passed O(passes) times
    in a row. One module for all probes, because each probe of a task of its own costs a round trip.
  - Fails at O(deadline), or at once when O(container) has stopped, instead of waiting for a deadline that
    cannot be met any more.
  - The answer must have one of O(check.statuses) and tell O(version), so that another release that answers on the
    same port is never taken for this one.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.watch
options:
  tolerate:
    description: Report an unhealthy URL instead of failing.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Nothing is asked in check mode.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: The candidate answers healthy three times in a row
  slipway.core.healthy:
    url: http://127.0.0.1:49153
    check: {path: /health, version_source: json}
    version: 1.0.42
    passes: 3
    container: myapp-staging-1.0.42-candidate
"""

RETURN = r"""
healthy:
  description: The verdict.
  returned: always
  type: bool
probes:
  description: The last probes, each with path, status, seconds, trouble (empty when healthy), and at, in seconds.
  returned: always
  type: list
  elements: dict
body:
  description: The beginning of the last answer. It may hold secrets.
  returned: when it is not healthy
  type: str
attempts:
  description: How many probes there were.
  returned: always
  type: int
elapsed:
  description: Seconds from the first probe to the verdict.
  returned: always
  type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.watch import OPTIONS, Watch, result


def gone(name: str) -> str:
    """Why a container cannot answer any more; empty while it runs, and when Docker cannot be asked."""
    try:
        return Engine().ended(name) if name else ""
    except EngineError:
        return ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={**OPTIONS, "tolerate": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=False, skipped=True, msg="health is not probed in check mode")
        return
    if params["passes"] < 1 or params["deadline"] < 1:
        module.fail_json(msg="passes and deadline must be at least 1")
        return
    verdict = Watch(params, lambda: gone(params["container"])).run()
    module.exit_json(**result(verdict, params["tolerate"]))


if __name__ == "__main__":
    main()
