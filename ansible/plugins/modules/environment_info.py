#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_info
short_description: Report what an environment holds
description:
  - Reads the ledger (and verifies its hash chain), the lock and the containers of one environment.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.environment
  - slipway.core.front
options:
  version:
    description: A version whose newest verified ledger entry is wanted.
    type: str
    default: ""
  entries:
    description: How many of the newest ledger entries to bring.
    type: int
    default: 0
  configuration:
    description: The configuration to compare with that of the live release, without its secrets.
    type: dict
  secrets:
    description: Its secrets, JSON of V(env) and V(files).
    type: json
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: What does staging run
  slipway.core.environment_info:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    entries: 10
"""

RETURN = r"""
environment:
  description: V(staging) or V(production).
  returned: success
  type: str
live:
  description: The ledger's entry of the live release, or null.
  returned: success
  type: dict
live_spec:
  description: The configuration the live release runs with, without its secrets, or null; null also when it is damaged.
  returned: success
  type: dict
config:
  description: Hash of O(configuration); empty without it, and as long as nothing was deployed or approved here.
  returned: success
  type: str
config_diff:
  description: What of O(configuration) differs from the live one, RV(config_diff.before) and after, without secrets.
  returned: success
  type: dict
front:
  description: >-
    Hash of O(front), empty without one.
  returned: success
  type: str
live_front_settings:
  description: Settings of the front that the live release was deployed with, by variable; null where it is not known.
  returned: success
  type: dict
front_diff:
  description: >-
    Which settings of it differ from those that the live release was deployed with, RV(front_diff.before) and after. Of
    the certificate only whether it is set or changed.
  returned: success
  type: dict
approvals:
  description: >-
    For each approved digest, RV(approvals[].valid), seq, an explanation, and config and front that it is bound to. With
    O(configuration) none is valid that is bound to another one.
  returned: success
  type: dict
verified:
  description: The newest ledger entry in which O(version) was verified, or null.
  returned: success
  type: dict
serving:
  description: The container of the live release, running or not, or null when it is gone.
  returned: success
  type: dict
standby:
  description: The container of an earlier release in the other slot, or null.
  returned: success
  type: dict
traffic:
  description: Which slot gets how much of the traffic, or null without a proxy.
  returned: success
  type: str
maintenance:
  description: Whether everybody gets the maintenance page.
  returned: success
  type: bool
paused:
  description: The ledger's entry of a canary that waits for a person, or null.
  returned: success
  type: dict
others:
  description: Further containers of the environment, left by a run that was interrupted or is at work.
  returned: success
  type: list
  elements: str
drift:
  description: Disagreements of ledger, containers and proxy; after a failure the damage of the ledger, if that is why.
  returned: always
  type: list
  elements: dict
  contains:
    what:
      description: What it is about.
      type: str
    current:
      description: How it is. The value of a secret is never shown.
      type: str
    desired:
      description: How it should be.
      type: str
    told:
      description: The same as a clause.
      type: str
    repair:
      description: >-
        V(reconcile) when every run repairs it at its start, V(load) when any deployment does, V(replace) when one of
        the same version does, and V(restore) when a person has to.
      type: str
lock:
  description: Whose lock is there, RV(lock.explanation), and whether its lease lasts, RV(lock.held); or null.
  returned: success
  type: dict
entries:
  description: The newest ledger entries, newest first.
  returned: success
  type: list
  elements: dict
"""

from datetime import datetime, timezone
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    drift,
    environment,
    fingerprints,
    front_snapshot,
    labels,
    ledger,
    reconcile,
    snapshot,
    wanted,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError
from ansible_collections.slipway.core.plugins.module_utils.history import Bound, History


def damage(error: Exception) -> list[drift.Drift]:
    """A ledger that is not as it was written, as drift."""
    if not isinstance(error, ledger.LedgerDamaged):
        return []
    current = f"line {error.line}: {error.reason}"
    desired = "as it was written: restore the file from a backup"
    return [drift.Drift("ledger", current, desired, str(error), drift.RESTORE)]


def bound_to(asked: snapshot.Configuration, front: front_snapshot.Front | None, home: Path) -> Bound:
    """What an approval has to be bound to here; with no configuration where nothing has a hash yet."""
    try:
        key = snapshot.load_key(str(home))
    except snapshot.SnapshotDamaged:
        key = None
    told = front.hash if front else front_snapshot.NONE
    if not key:
        return Bound("", told)
    return Bound(snapshot.config_hash(asked.public, asked.secrets, key), told, fingerprints.of(asked, front, key))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            **front_snapshot.OPTIONS,
            "version": {"type": "str", "default": ""},
            "entries": {"type": "int", "default": 0},
            "configuration": {"type": "dict"},
            "secrets": {"type": "json", "no_log": True},
        },
        required_together=[["configuration", "secrets"]],
        supports_check_mode=True,
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    path, now = str(home / environment.LEDGER), datetime.now(timezone.utc)
    try:
        entries = ledger.read(path)
        history = History(entries)
        live = history.live()
        running = environment.sound(home, live)
        engine = Engine()
        found = environment.find(engine, params, home, history)
        serving = reconcile.live_container(found.ours, live)
        standby, canary = reconcile.standby(found), reconcile.paused_container(found)
        verified = history.find_verified(params["version"]) if params["version"] else None
        recent = history.recent(params["entries"])
        asked = None
        if params["secrets"]:
            asked = wanted.configuration(params["configuration"], params["secrets"], home.name)
        drifted = environment.disagreements(engine, home, found, engine.info())
        unknown = environment.unknown(list(found.ours), history, environment.lock_left(home))
        drifted += [environment.lost(unknown, Path(path))] if unknown else []
        holder = environment.lock_holder(home, now)
        front = front_snapshot.asked(params["front"], params["certificate"])
        bound = bound_to(asked, front, home) if asked else None
        live_front = front_snapshot.kept(home, front_snapshot.of_entry(live))
    except (EngineError, ProxyError, OSError, ValueError, ledger.LedgerDamaged, snapshot.SnapshotDamaged) as error:
        module.fail_json(msg=environment.explain(error), drift=[it.data() for it in damage(error)])
        return
    module.exit_json(
        changed=False,
        environment=params["environment"],
        live=live,
        live_spec=running.public if running else None,
        config=bound.config if bound else "",
        config_diff=snapshot.diff_keys(running, asked) if asked else {"before": {}, "after": {}},
        front=front.hash if front else front_snapshot.NONE,
        live_front_settings=front_snapshot.public(live_front),
        front_diff=front_snapshot.diff(live_front, front),
        approvals=environment.approvals(
            entries, history, params["environment"], now, bound
        ),
        verified=verified,
        serving=serving,
        standby=standby,
        traffic=found.routes.described if found.routes else None,
        maintenance=bool(found.routes and found.routes.maintenance),
        paused=found.paused,
        others=[
            it["name"]
            for it in found.ours
            if it not in (serving, standby, canary) and it["slot"] != labels.FAILED
        ],
        drift=[it.data() for it in drifted],
        lock=holder,
        entries=recent,
        story=f"{params['environment']} runs {live['version'] if live else 'nothing yet'}",
    )


if __name__ == "__main__":
    main()
