#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: canary_pause
short_description: Let a proven candidate wait for a person
description:
  - Gives the candidate O(weight) per cent of the traffic, and all requests that ask for it, and writes to the ledger
    that it waits, so that a later run can promote or abort it.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.environment
options:
  slot:
    description: The candidate's slot.
    type: str
    required: true
  container:
    description: Name of the candidate's container.
    type: str
    required: true
  weight:
    description: Per cent of the traffic, 0 to 100.
    type: int
    default: 0
  restart_policy:
    description: What Docker does from now on when the container stops.
    type: str
    default: unless-stopped
  fields:
    description: Fields of the ledger's entry V(paused).
    type: dict
    required: true
  run:
    description: The run, which has to hold the environment's lock.
    type: str
    required: true
attributes:
  check_mode:
    support: none
    description: There is no candidate in check mode.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Canary | Let it wait for a person
  slipway.core.canary_pause:
    directory: /var/lib/slipway
    app: myapp
    environment: production
    slot: green
    container: myapp-production-green
    fields: {version: 1.0.42, digest: "sha256:…", config: 0123456789abcdef, container_run: 261124-021500-4711-3fa9c1}
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
entry:
  description: The entry as it is in the ledger.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    front,
    history,
    labels,
    recording,
    standby_mark,
    way_back,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import SLOTS, Routes, shared
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def answer(entry: dict[str, Any]) -> dict[str, Any]:
    """What the module returns."""
    story = f"{entry['version']} waits with {entry['weight']} % of the traffic; X-Canary: always reaches it"
    return {"changed": True, "entry": entry, "story": story}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "slot": {"type": "str", "required": True},
            "container": {"type": "str", "required": True},
            "weight": {"type": "int", "default": 0},
            "restart_policy": {"type": "str", "default": "unless-stopped"},
            "fields": {"type": "dict", "required": True},
            "run": {"type": "str", "required": True},
        },
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    slot, weight = params["slot"], params["weight"]
    engine = Engine()
    entry: dict[str, Any] | None = None
    fields = {**params["fields"], "weight": weight, "slot": slot}
    try:
        history.check_fields("paused", fields)
        with Tenure(home, params["run"]) as tenure:
            standby_mark.take_away(home)
            engine.update_restart_policy(params["container"], params["restart_policy"])
            # The entry comes first: it is what a later run trusts to leave the candidate where it is.
            with tenure.whole():
                entry = recording.record(str(home / environment.LEDGER), "paused", fields, module.warn)
                tenure.has_done(answer(entry))
            fronts = front.containers(engine, params["app"], params["environment"])
            before = front.routes(home, fronts)
            other = next(name for name in SLOTS if name != slot)
            live = other if before and before.weights[other] else ""
            maintenance = bool(before and before.maintenance)
            details = engine.container(params["container"])
            spoken = {slot: labels.describe(details)["protocol"]} if details else {}
            front.route(home, fronts, Routes(shared(live, slot, weight), slot, maintenance, protocols=spoken))
    except Exception as error:
        if entry is None:
            module.fail_json(msg=environment.explain(error))
            return
        module.warn(f"The candidate waits without its traffic, which the next run gives it: {way_back.told(error)}.")
    module.exit_json(**answer(entry))


if __name__ == "__main__":
    main()
