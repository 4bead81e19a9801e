#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_apply
short_description: Let an environment's front be one that is kept, or the one that the ledger says
description:
  - Lets a running HAProxy reload a changed configuration, or makes and starts the container of another image, which
    takes the listening sockets over from the one before it. A port that both have stays open meanwhile.
  - One that does not come up leaves the configuration before in place.
  - Containers of other images get no new connections and end when they have finished what they had begun.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.environment
  - slipway.core.tenure
options:
  front:
    description: >-
      Name of the front, which M(slipway.core.environment_open) has kept. Empty for what the ledger says, which takes
      back one that a release was to go live with.
    type: str
    default: ""
  slot:
    description: The slot that gets the traffic when the proxy starts. Empty for the one that has it.
    type: str
    default: ""
  timeout:
    description: Seconds that an earlier container of the same image may take to finish.
    type: int
    default: 30
  start:
    description:
      - Whether to start the container. Without it another one holds the port still, and no proxy that runs is retired.
    type: bool
    default: true
attributes:
  check_mode:
    support: none
    description: What would change is told by M(slipway.core.proxy_files).
  diff_mode:
    support: none
    description: What changes is shown by M(slipway.core.proxy_files).
"""

EXAMPLES = r"""
- name: Front | Put it to work
  slipway.core.proxy_apply:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    front: 0123456789abcdef
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
done:
  description: What was done, one phrase each.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    front_change,
    front_return,
    front_snapshot,
    history,
    ledger,
    reconcile,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def apply(engine: Engine, params: dict[str, Any], home: Path) -> list[str]:
    """Do what is necessary; returns it, one phrase each."""
    if not params["front"]:
        return front_return.put_back(engine, params, home)
    past = history.History(ledger.read(str(home / environment.LEDGER)))
    found = environment.find(engine, params, home, past)
    front_return.remember(engine, home, found)
    place = front_change.Place(
        home,
        params["app"],
        params["environment"],
        params["slot"] or reconcile.live_slot(found),
        bool(found.routes and found.routes.maintenance),
        reconcile.slot_ports(found),
        reconcile.slot_protocols(found),
        params["timeout"],
    )
    return front_change.bring(engine, front_snapshot.read(home, params["front"]), place, params["start"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "front": {"type": "str", "default": ""},
            "slot": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 30},
            "start": {"type": "bool", "default": True},
            "run": {"type": "str", "required": True},
        },
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    try:
        with Tenure(home, params["run"], goes_back=not params["front"]):
            done = apply(Engine(), params, home)
    except Exception as error:
        module.fail_json(msg=environment.explain(error))
        return
    module.exit_json(changed=bool(done), done=done, story="; ".join(done) or "the front is as it should be")


if __name__ == "__main__":
    main()
