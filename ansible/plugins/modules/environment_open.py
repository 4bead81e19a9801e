#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_open
short_description: Take an environment's lock and report all that a deployment has to know of the target
description:
  - Takes the lock, verifies the ledger, undoes what an interrupted run left, and reports the live release, what
    serves, the configuration asked for, approvals, disk, port and Docker Engine.
  - One module instead of one for each, because every task costs a round trip while the operator waits.
  - In check mode no lock is taken and nothing is undone.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.environment
  - slipway.core.front
options:
  image:
    description: Repository of the image, without a tag.
    type: str
    required: true
  kind:
    description: >-
      Whether a release is to be deployed or an earlier one restored, a canary that waits is to be promoted or aborted,
      or the maintenance page to be shown.
    type: str
    choices: [deploy, rollback, promote, abort, maintenance]
    default: deploy
  version:
    description: For a rollback, the version to go back to. Empty for the last verified one before the live one.
    type: str
    default: ""
  configuration:
    description: What the release shall run with, without its secrets.
    type: dict
    required: true
  secrets:
    description: >-
      A mapping with C(env) and C(files), each from name to value. As one JSON text, so that hiding it cannot
      hide parts of other values.
    type: json
    required: true
  strategy:
    description: >-
      How a release is shipped. A rollback and a promotion do it as the ledger says; a proxy that has the public port
      keeps it.
    type: str
    choices: [recreate, blue_green, canary]
    required: true
  bind:
    description: Address on the target that the public ports are opened on.
    type: str
    required: true
  ports:
    description: The public ports.
    type: list
    elements: int
    required: true
  slot_ports:
    description: The loopback port of each slot, for strategies with a proxy.
    type: dict
    suboptions:
      blue:
        description: The port of the slot blue.
        type: int
      green:
        description: The port of the slot green.
        type: int
  warm_standby:
    description: Seconds after a cut-over during which the old release stays running.
    type: int
    default: 600
  drain_timeout:
    description: Seconds that requests on a container which is stopped may take to finish.
    type: int
    default: 30
  lease:
    description: Seconds after which another run may take the lock over when this one does not renew it.
    type: int
    default: 300
  wait:
    description: Seconds to wait for a lock that another run holds. Read by the action plugin.
    type: int
    default: 0
  keep_failed:
    description: Failed attempts whose container stays, stopped, to be looked at.
    type: int
    default: 2
  owner:
    description: Who runs the deployment. Set by the action plugin.
    type: str
  host:
    description: The controller. Set by the action plugin.
    type: str
  run:
    description: The run. Set by the action plugin.
    type: str
  gone:
    description: A run that is proven dead and whose lock may be taken over. Set by the action plugin.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Reports without a lock, and says what would be undone.
  diff_mode:
    support: full
    description: Shows the drift that is repaired before anything else, never the value of a secret.
"""

EXAMPLES = r"""
- name: Take the environment
  slipway.core.environment_open:
    directory: /var/lib/slipway
    app: myapp
    environment: staging
    image: registry.example.com/team/myapp
    configuration: {env: {}, bind: 0.0.0.0, port: 8081}
    secrets: '{"env": {}, "files": {}}'
    strategy: blue_green
    bind: 0.0.0.0
    ports: [8081]
    slot_ports: {blue: 18081, green: 28081}
  register: opened
"""

RETURN = r"""
run:
  description: This run's RV(run.id), owner and start (seconds since the epoch).
  returned: success
  type: dict
home:
  description: Folder of the environment's state.
  returned: success
  type: str
live:
  description: The ledger's entry of the live release, or null.
  returned: success
  type: dict
live_spec:
  description: >-
    The configuration the live release runs with, without its secrets, or null; where what is kept is damaged, the one
    asked for.
  returned: success
  type: dict
serving:
  description: The running container of the live release, or null.
  returned: success
  type: dict
config:
  description: Hash of the configuration asked for.
  returned: success
  type: str
spec:
  description: The configuration asked for, without its secrets.
  returned: success
  type: dict
config_diff:
  description: What differs from the live configuration, RV(config_diff.before) and after, without secrets.
  returned: success
  type: dict
front:
  description: >-
    Hash of what belongs to the front: of O(front), or for a rollback and a canary that is decided on of what the ledger
    says; empty where no proxy owns the public port, null where the ledger does not tell.
  returned: success
  type: str
certificate:
  description: Fingerprint of the certificate of that front; empty for none.
  returned: success
  type: str
front_diff:
  description: >-
    Which settings of it differ from those that the live release was deployed with, RV(front_diff.before) and after. Of
    the certificate only whether it is set or changed.
  returned: success
  type: dict
front_settings:
  description: The settings of the front that is asked for, by variable; null where they are not known.
  returned: success
  type: dict
live_front_settings:
  description: The same of the front that the live release was deployed with.
  returned: success
  type: dict
strategy:
  description: How this run ships its release; see O(strategy).
  returned: success
  type: str
target:
  description: For a rollback, the ledger's entry of the release to restore.
  returned: success
  type: dict
approvals:
  description: For each approved digest, RV(approvals[].valid), seq, and an explanation.
  returned: success
  type: dict
image:
  description: >-
    Repository of the release at hand: of a rollback and a promotion the one that it came from, else O(image).
  returned: success
  type: str
digests:
  description: Digests of RV(image) that are on the target already.
  returned: success
  type: list
  elements: str
disk:
  description: Folder, free_mb and total_mb of Docker's storage.
  returned: success
  type: dict
state_disk:
  description: The same of the environment's state.
  returned: success
  type: dict
ports:
  description: Number, free, and the holder of each port that is needed.
  returned: success
  type: list
  elements: dict
slots:
  description: >-
    RV(slots.live) and free by name, the ports that both are wanted on, the standby, the sessions on the free slot, and
    whose container that is none of ours has the free slot's name.
  returned: success
  type: dict
proxy:
  description: The proxy's containers, its configuration, and whether HAProxy has loaded that.
  returned: success
  type: dict
paused:
  description: The ledger's entry of a canary that waits for a person, or null.
  returned: success
  type: dict
config_kept:
  description: Whether the configuration asked for is kept on the target already, and is what its hash stands for.
  returned: success
  type: bool
engine:
  description: Version of Docker Engine.
  returned: success
  type: dict
reconciled:
  description: What was undone that an interrupted run, or somebody by hand, had left; in check mode what would be.
  returned: success
  type: list
  elements: str
mended:
  description: The drift that this repaired, as of M(slipway.core.environment_info); in check mode what it would repair.
  returned: success
  type: list
  elements: dict
drift:
  description: What drift there is after that, as of M(slipway.core.environment_info).
  returned: success
  type: list
  elements: dict
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import (
    drift,
    environment,
    front_choice,
    front_snapshot,
    labels,
    ledger,
    lock,
    snapshot,
    survey,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError
from ansible_collections.slipway.core.plugins.module_utils.history import NoRollback
from ansible_collections.slipway.core.plugins.module_utils.tenure import GiveBack, Tenure

KINDS = ["deploy", "rollback", "promote", "abort", "maintenance"]
REFUSALS = (
    EngineError,
    NoRollback,
    OSError,
    ProxyError,
    ValueError,
    ledger.LedgerDamaged,
    lock.LockLost,
    snapshot.SnapshotDamaged,
)
# What the machine lacks, which seldom says what to do about it.
OF_THE_MACHINE = (EngineError, OSError, ProxyError)
AGAIN = "run the same command again"
# Both would take each step at the same time, as the lock is one of their run.
TWICE = (
    "this run has locked {environment} of {app} here already, under another name of this host: the inventory has one "
    "VM twice in {environment}, so take one of its hosts out, and run the same command again"
)
NOTHING_BEGUN = f"Nothing new was begun, and status.yml tells what serves: put that right, and {AGAIN}."


def take_lock(params: dict[str, Any], home: Path, now: datetime) -> tuple[dict[str, Any] | None, lock.Lock | None]:
    """Take the lock; returns its holder when another run has it, and the lock that was taken over."""
    attempt = lock.acquire(
        str(home / environment.LOCK),
        params["owner"],
        params["host"],
        params["run"],
        params["lease"],
        now,
        gone=params["gone"],
    )
    if attempt.outcome is lock.Outcome.RENEWED:
        raise ValueError(TWICE.format(**params))
    if attempt.acquired:
        return None, attempt.previous
    held = attempt.lock
    holder = {
        "host": held.host if held else "",
        "run": held.run_id if held else "",
        "explanation": attempt.explanation,
    }
    return holder, None


def story(env: str, found: dict[str, Any], check_mode: bool) -> str:
    """What was found and done, for people."""
    done = ", ".join(found["reconciled"])
    parts = [f"{env}{'' if check_mode else ' locked'}; live is {(found['live'] or {}).get('version', 'nothing yet')}"]
    if check_mode:
        parts += [item["told"] for item in found["mended"]]
    if done:
        parts.append(f"{'would first' if check_mode else 'reconciled:'} {done}")
    return "; ".join(parts)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            **front_snapshot.OPTIONS,
            "image": {"type": "str", "required": True},
            "kind": {"type": "str", "choices": KINDS, "default": "deploy"},
            "version": {"type": "str", "default": ""},
            "configuration": {"type": "dict", "required": True},
            "secrets": {"type": "json", "required": True, "no_log": True},
            "strategy": {"type": "str", "choices": list(front_choice.STRATEGIES), "required": True},
            "bind": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "int", "required": True},
            "slot_ports": {"type": "dict", "options": {slot: {"type": "int"} for slot in labels.BEHIND_PROXY}},
            "warm_standby": {"type": "int", "default": 600},
            "drain_timeout": {"type": "int", "default": 30},
            "lease": {"type": "int", "default": 300},
            "wait": {"type": "int", "default": 0},
            "keep_failed": {"type": "int", "default": 2},
            "owner": {"type": "str"},
            "host": {"type": "str"},
            "run": {"type": "str"},
            "gone": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    now = datetime.now(timezone.utc)
    try:
        if module.check_mode:
            found = survey.report(params, home, Engine(), now, True, environment.lock_left(home))
        else:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            holder, interrupted = take_lock(params, home, now)
            if holder:
                module.fail_json(
                    msg=f"{params['environment']} is being deployed already: the lock is {holder['explanation']}. "
                    "Run the same command again later, or let it wait with -e lock_wait=300 (seconds).",
                    holder=holder,
                )
            # Whoever comes next has to know of the run that nobody has cleaned up after.
            give_back = GiveBack(module.warn, when="failed", to=interrupted)
            with Tenure(home, params["run"], give_back=give_back):
                found = survey.report(params, home, Engine(), now, False, interrupted)
    except REFUSALS as error:
        told = environment.explain(error)
        silent = isinstance(error, OF_THE_MACHINE) and AGAIN not in told
        module.fail_json(msg=f"{told} {NOTHING_BEGUN}" if silent else told)
        return
    module.exit_json(
        changed=bool(found["reconciled"] or (module.check_mode and found["mended"])),
        story=story(params["environment"], found, module.check_mode),
        diff=drift.diff(found["mended"]),
        **found,
    )


if __name__ == "__main__":
    main()
