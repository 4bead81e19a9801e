#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_undo
short_description: Go back on a host that has been deployed to by a run that failed
description:
  - Sends the traffic back to the standby, which the run O(run) replaced, and writes that to the ledger. A standby that
    has been stopped is started and has to be healthy first.
  - Does nothing where O(run) is not what is live, or is the first release there, so that it may be called where nobody
    knows whether the release was recorded.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.environment
options:
  run:
    description: The run that is undone.
    type: str
    required: true
  owner:
    description: Who runs it.
    type: str
    required: true
  controller:
    description: The controller it runs on.
    type: str
    required: true
  reason:
    description: Why, for the ledger.
    type: str
    required: true
  lease:
    description: Seconds until another run may take the lock over.
    type: int
    default: 300
  deadline:
    description: Seconds until a standby that is started has to be healthy.
    type: int
    default: 30
  warm_standby:
    description: Seconds for which the release that is undone stays running. With V(0) it is drained and stopped.
    type: int
    default: 600
  drain_timeout:
    description: Seconds that its requests may take to finish when it is stopped.
    type: int
    default: 30
attributes:
  check_mode:
    support: none
    description: In check mode nothing was deployed.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Roll back | A host that had switched already
  slipway.core.environment_undo:
    directory: /var/lib/slipway
    app: myapp
    environment: production
    run: 261124-021500-4711-3fa9c1
    owner: alice
    controller: laptop:1a2b3c4d:4026531836
    reason: myapp-prod-2 failed
"""

RETURN = r"""
entry:
  description: The entry as it is in the ledger.
  returned: changed
  type: dict
recorded:
  description: Whether the release of O(run) was live, as the ledger says, so that nothing else may be put back.
  returned: where the ledger could be read
  type: bool
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    front,
    front_change,
    front_return,
    history,
    ledger,
    lock,
    reconcile,
    recording,
    snapshot,
    standby,
    standby_mark,
    way_back,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Routes, all_to
from ansible_collections.slipway.core.plugins.module_utils.tenure import GiveBack, Tenure
from ansible_collections.slipway.core.plugins.module_utils.watch import OPTIONS, Watch

NOT_SWITCHED = "it had not switched"
CARRIED_OVER = (
    *("environment", "version", "build", "commit", "digest", "image"),
    *("config", "front", "certificate", "strategy", "container", "slot"),
)


class Impossible(Exception):
    """There is nothing to go back to."""


def start(
    engine: Engine,
    spare: dict[str, Any],
    previous: dict[str, Any],
    kept: snapshot.Configuration,
    deadline: int,
) -> None:
    """Start a standby that has been stopped, and wait until it is healthy."""
    engine.start(spare["name"])
    address = engine.published(spare["name"])
    check = kept.public["health"]
    params = {name: option.get("default") for name, option in OPTIONS.items()}
    asked = {"url": f"http://{address}", "check": check, "version": previous["version"], "deadline": deadline}
    verdict = Watch({**params, **asked}, gone=lambda: engine.ended(spare["name"])).run()
    if not verdict["healthy"]:
        raise Impossible(verdict["msg"])


def undo(module: AnsibleModule, home: Path, held: Tenure) -> tuple[dict[str, Any] | None, str]:
    """Go back; returns the ledger's entry, None when there was nothing to go back on, and what happened."""
    params = module.params
    path = home / environment.LEDGER
    entries = ledger.read(str(path))
    past = history.History(entries)
    live = past.live()
    if live is None or live.get("run") != params["run"]:
        return None, NOT_SWITCHED
    engine = Engine()
    found = environment.find(engine, params, home, past)
    previous = past.before_live()
    if previous is None:
        return None, "it is the first release there"
    # Where nothing but the front has changed, it is the same container.
    made = reconcile.container_run(previous)
    same = made == reconcile.container_run(live)
    spare = reconcile.live_container(found.ours, live) if same else reconcile.standby(found)
    if spare is None or spare["run"] != made:
        raise Impossible("the container of the release before it is gone")
    kept = snapshot.read(str(home), previous["config"], snapshot.load_key(str(home)))
    # No timer stops it from here on.
    standby_mark.take_away(home)
    if not spare["running"]:
        start(engine, spare, previous, kept, params["deadline"])
    engine.update_restart_policy(spare["name"], kept.public["restart_policy"])
    maintenance = bool(found.routes and found.routes.maintenance)
    fields = {
        **{name: previous.get(name) for name in CARRIED_OVER},
        "kind": "rollback",
        "container_run": spare["run"],
        "slot": spare["slot"],
        "container": spare["name"],
        "run": f"{params['run']}-undo",
        "actor": params["owner"],
        "replaced": {name: live[name] for name in ("version", "digest", "config")},
        "reason": params["reason"],
    }
    files = front.Front(home)
    before = files.config()

    def traffic() -> None:
        if found.routes:
            front.route(home, front.containers(engine, params["app"], params["environment"]), found.routes)
        files.write_config(before)

    def back() -> None:
        """What the ledger says is live gets the traffic again, and the front that it had."""
        front_return.go_back(engine, params, home, traffic)
        front_return.put_back(engine, params, home)

    told = f"{previous['version']} serves again on {spare['slot']}"
    ports, patience = reconcile.slot_ports(found), params["drain_timeout"]
    place = front_change.Place(
        home,
        params["app"],
        params["environment"],
        spare["slot"],
        maintenance,
        ports,
        reconcile.slot_protocols(found),
        patience,
    )
    spoken = {spare["slot"]: spare["protocol"]}
    back_to = Routes(all_to(spare["slot"]), maintenance=maintenance, protocols=spoken)
    with way_back.unless_it_stays(back, "the traffic") as move:
        if found.routes:
            # Before another front comes, as what a proxy has accepted by then is served by what it was told last.
            front.route(home, list(found.fronts), back_to)
        fronts = front_return.bring_for(engine, found, place, previous)
        front.route(home, fronts, back_to)
        files.start_with(spare["slot"], spoken)
        with held.whole():
            entry = recording.record(str(path), "deployed", fields, module.warn)
            move.stays = True
            held.has_done(answer(entry, told))
    undone = None
    try:
        undone = reconcile.live_container(found.ours, live)
        if undone and undone["running"] and not same:
            standby.leave(engine, home, fronts, undone, params["warm_standby"], params["drain_timeout"])
    except Exception as error:
        left = undone["name"] if undone else live["container"]
        module.warn(f"{entry['version']} serves again, and {left} is left as it is: {way_back.told(error)}.")
    return entry, told


def answer(entry: dict[str, Any] | None, story: str, recorded: bool = True) -> dict[str, Any]:
    """What the module returns."""
    return {"changed": entry is not None, "entry": entry, "story": story, "recorded": recorded}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "run": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "controller": {"type": "str", "required": True},
            "reason": {"type": "str", "required": True},
            "lease": {"type": "int", "default": 300},
            "deadline": {"type": "int", "default": 30},
            "warm_standby": {"type": "int", "default": 600},
            "drain_timeout": {"type": "int", "default": 30},
        },
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    path = str(home / environment.LOCK)
    recorded = False
    try:
        live = history.History(ledger.read(str(home / environment.LEDGER))).live()
        if live is None or live.get("run") != params["run"]:
            # Of a run that may have the lock still, and goes on with it.
            module.exit_json(**answer(None, NOT_SWITCHED, recorded=False))
            return
        recorded = True
        now = datetime.now(timezone.utc)
        attempt = lock.acquire(path, params["owner"], params["controller"], params["run"], params["lease"], now)
        if not attempt.acquired:
            told = f"It could not be gone back on, because the lock is {attempt.explanation}."
            module.fail_json(msg=told, recorded=True)
            return
        with Tenure(home, params["run"], give_back=GiveBack(module.warn)) as tenure:
            entry, story = undo(module, home, tenure)
    except Exception as error:
        told = f"It could not be gone back on, run rollback.yml: {way_back.told(error)}."
        module.fail_json(msg=told, recorded=recorded)
        return
    module.exit_json(**answer(entry, story))


if __name__ == "__main__":
    main()
