#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_close
short_description: Record a verified release, retire, prune and release an environment's lock
description:
  - Writes O(fields) to the ledger, removes every container of the environment that is neither live, a standby nor kept
    of a failed attempt, then the images and configurations that no rollback of any environment on this host may need,
    and releases the lock of this run.
  - Does nothing when this run does not hold the lock, and fails when it had something to record.
  - Once the entry is written the release is live, so what fails after that is a warning.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.environment
options:
  fields:
    description: The fields of the ledger's entry V(deployed). Without them nothing is recorded.
    type: dict
  image:
    description: Repository of the image, without a tag.
    type: str
    required: true
  run:
    description: The run that holds the lock.
    type: str
    required: true
  keep:
    description: Verified releases, the live one included, that stay available for rollbacks. The entry tells it too.
    type: int
    default: 5
  keep_failed:
    description: Failed attempts whose container, image and configuration stay to be looked at.
    type: int
    default: 2
  prune:
    description: Whether to retire and prune. Without it only the lock is released.
    type: bool
    default: true
  warm_standby:
    description: Seconds for which the old release stays running behind the proxy. With V(0) it is drained and stopped.
    type: int
    default: 600
  drain_timeout:
    description: Seconds that requests on a container which is stopped may take to finish.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
    description: Does nothing, as no lock is taken in check mode.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Leave the environment
  slipway.core.environment_close:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    image: registry.example.com/team/myapp
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
entry:
  description: The entry as it is in the ledger, null without O(fields).
  returned: success
  type: dict
retired:
  description: What was done with containers and traffic, one phrase each.
  returned: success
  type: list
  elements: str
pruned:
  description: Digests of removed images, and hashes of removed configurations.
  returned: success
  type: dict
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    environment,
    held,
    history,
    ledger,
    lock,
    reconcile,
    recording,
    retention,
    standby,
    way_back,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError
from ansible_collections.slipway.core.plugins.module_utils.tenure import GiveBack, Tenure

REFUSALS = (EngineError, ProxyError, OSError, ValueError, lock.LockDamaged, lock.LockLost, ledger.LedgerDamaged)


NOTHING: dict[str, Any] = {"images": [], "configurations": []}


def record(module: AnsibleModule, home: Path, held: Tenure) -> dict[str, Any]:
    """Write the entry of the release that is live from now on."""
    fields = {**module.params["fields"], **{name: module.params[name] for name in ("keep", "keep_failed")}}
    history.check_fields("deployed", fields)
    with held.whole():
        entry = recording.record(str(home / environment.LEDGER), "deployed", fields, module.warn)
        held.has_done(answer(entry, [], NOTHING, unlocked=False))
    return entry


def retire(engine: Engine, module: AnsibleModule, home: Path) -> list[str]:
    """Leave nothing but the live container and, behind the proxy, a standby; returns what was done."""
    params = module.params
    found = environment.find(engine, params, home, history.History(ledger.read(str(home / environment.LEDGER))))
    done = reconcile.act(engine, home, found, reconcile.steps(found), params["drain_timeout"])
    spare = reconcile.standby(found)
    if spare and spare["running"]:
        try:
            done += standby.leave(engine, home, found.fronts, spare, params["warm_standby"], params["drain_timeout"])
        except standby.TimerError as error:
            module.warn(environment.explain(error))
    return done


def tidy(module: AnsibleModule, home: Path) -> tuple[list[str], dict[str, Any]]:
    """Retire and prune; whatever fails is a warning where an entry has been written."""
    params = module.params
    retired: list[str] = []
    try:
        engine = Engine()
        retired = retire(engine, module, home)
        keep, keep_failed, now = params["keep"], params["keep_failed"], datetime.now(timezone.utc)
        directory = Path(params["directory"])
        held.hold_all(engine, directory, params["image"], keep, keep_failed)
        pruned = retention.prune(engine, directory, home, params["image"], keep, keep_failed, now)
    except Exception as error:
        if not params["fields"]:
            raise
        module.warn(f"The release is live, and not everything could be tidied up: {way_back.told(error)}.")
        return retired, NOTHING
    if pruned.get("warning"):
        module.warn(pruned.pop("warning"))
    return retired, pruned


def answer(entry: dict[str, Any] | None, retired: list[str], pruned: dict[str, Any], unlocked: bool) -> dict[str, Any]:
    """What the module returns."""
    removed = len(pruned["images"])
    done = [f"ledger entry {entry['seq']}: {entry['event']}"] if entry else []
    done += retired
    if removed:
        done.append(f"{removed} image{'s' if removed > 1 else ''} pruned")
    if unlocked:
        done.append("lock released")
    return {
        "changed": bool(entry or retired or removed or pruned["configurations"]),
        "entry": entry,
        "retired": retired,
        "pruned": pruned,
        "story": "; ".join(done),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "fields": {"type": "dict"},
            "image": {"type": "str", "required": True},
            "run": {"type": "str", "required": True},
            "keep": {"type": "int", "default": 5},
            "keep_failed": {"type": "int", "default": 2},
            "prune": {"type": "bool", "default": True},
            "warm_standby": {"type": "int", "default": 600},
            "drain_timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    path = str(home / environment.LOCK)
    entry: dict[str, Any] | None = None
    retired: list[str] = []
    pruned = NOTHING
    try:
        held = None if module.check_mode else lock.read(path)
        if not params["fields"] and (held is None or held.run_id != params["run"]):
            module.exit_json(changed=False, entry=None, retired=[], pruned=NOTHING)
            return
        # A run whose release could not be recorded goes back, and nobody else may meet it then.
        give_back = GiveBack(module.warn, when="done" if params["fields"] else "ended")
        tenure = Tenure(home, params["run"], give_back=give_back)
        with tenure:
            if params["fields"]:
                entry = record(module, home, tenure)
            if params["prune"]:
                retired, pruned = tidy(module, home)
    except REFUSALS as error:
        if entry is None:
            module.fail_json(msg=environment.explain(error))
            return
        module.warn(f"The release is live: {way_back.told(error)}.")
    module.exit_json(**answer(entry, retired, pruned, tenure.given_back))


if __name__ == "__main__":
    main()
