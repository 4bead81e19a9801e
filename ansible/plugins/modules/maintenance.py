#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Show everybody the maintenance page, or end that
description:
  - Turns the proxy's switch through the runtime API, and writes the configuration for HAProxy's next start.
  - Writes that to the ledger in the same step. What cannot be recorded is turned back.
  - Health checks that bring the proxy's word pass the page, so that deployments go on working behind it.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.environment
options:
  state:
    description: Whether the page is shown.
    type: str
    choices: ["on", "off"]
    required: true
  run:
    description: The run that changes something, which has to hold the environment's lock. Not needed in check mode.
    type: str
    default: ""
  fields:
    description: What the ledger's entry is to hold. Not needed in check mode.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Tells whether anything would change.
  diff_mode:
    support: full
    description: Shows what changes in HAProxy's configuration.
"""

EXAMPLES = r"""
- name: Maintenance | Show the page
  slipway.core.maintenance:
    directory: /var/lib/slipway
    app: myapp
    environment: production
    state: "on"
    run: 260102-000000-1
    fields: {environment: production, state: "on", actor: alice}
"""

RETURN = r"""
entry:
  description: The entry as it is in the ledger.
  returned: changed, and not in check mode
  type: dict
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import environment, front, history, recording, way_back
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Routes
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure


def put_back(files: front.Front, config: str, home: Path, fronts: list[dict[str, Any]], routes: Routes) -> None:
    """What everybody gets, and what HAProxy starts with, are as they were."""
    front.route(home, fronts, routes)
    files.write_config(config)


def answer(entry: dict[str, Any], diff: dict[str, str], what: str) -> dict[str, Any]:
    """What the module returns."""
    told = f"{what}; ledger entry {entry['seq']}: {entry['event']}"
    return {"changed": True, "diff": diff, "entry": entry, "story": told}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "state": {"type": "str", "choices": ["on", "off"], "required": True},
            "run": {"type": "str", "default": ""},
            "fields": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    files = front.Front(home)
    shown = params["state"] == "on"
    diff = files.diff(files.with_page(shown))
    what = "everybody gets the maintenance page" if shown else "the application answers"
    try:
        fronts = front.containers(Engine(), params["app"], params["environment"])
        now = front.routes(home, fronts)
        if now is None:
            module.fail_json(msg=f"No proxy runs for {params['app']} here, so there is nothing that could show a page.")
            return
        changed = now.maintenance is not shown
        if changed and not module.check_mode:
            history.check_fields("maintenance", params["fields"])
            with (
                Tenure(home, params["run"]) as held,
                way_back.unless_it_stays(lambda: put_back(files, diff["before"], home, fronts, now), "it") as turn,
            ):
                front.route(home, fronts, replace(now, maintenance=shown))
                # Nothing but the page: what else group_vars have changed needs a reload, which is a deployment's.
                files.write_config(diff["after"])
                with held.whole():
                    entry = recording.record(
                        str(home / environment.LEDGER), "maintenance", params["fields"], module.warn
                    )
                    turn.stays = True
                    held.has_done(answer(entry, diff, what))
            module.exit_json(**answer(entry, diff, what))
            return
    except Exception as error:
        module.fail_json(msg=environment.explain(error))
        return
    module.exit_json(changed=changed, diff=diff if changed else {}, story=what if changed else f"{what} already")


if __name__ == "__main__":
    main()
