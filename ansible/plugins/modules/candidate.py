#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: candidate
short_description: Make a release's container, start it, and let it prove itself
description:
  - Makes the container from the configuration that is kept under O(config), so that secrets do not travel again, starts
    it and asks it for its health as M(slipway.core.healthy) does, in one step on the target.
  - A container of ours that has the name already, such as the standby of a slot, is stopped and removed first.
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.tenure
options:
  directory:
    description: Folder of the environment's state.
    type: path
    required: true
  config:
    description: Hash of the configuration.
    type: str
    required: true
  image:
    description: Repository and digest.
    type: str
    required: true
  name:
    description: Name of the container.
    type: str
    required: true
  labels:
    description: Our labels.
    type: dict
    required: true
  address:
    description: Address on the target that the container's port is published on.
    type: str
    default: 127.0.0.1
  port:
    description: Port on the target; V(0) for any.
    type: int
    default: 0
  restart_policy:
    description: What Docker does when the container stops.
    type: str
    default: "no"
  discoverable:
    description: Whether it gets the labels and network aliases of the user, by which others find it.
    type: bool
    default: true
  settings:
    description: Settings that a configuration which was kept by an earlier version lacks.
    type: dict
    default: {}
  health:
    description:
      - Options of M(slipway.core.healthy) but its URL and container. Without them the container is made, and not
        started.
    type: dict
attributes:
  check_mode:
    support: none
    description: No container is made in check mode.
  diff_mode:
    support: none
    description: There is no content to compare.
"""

EXAMPLES = r"""
- name: Health | The candidate starts and proves itself
  slipway.core.candidate:
    directory: /var/lib/slipway/myapp-staging
    config: 0123456789abcdef
    image: registry.example.com/team/myapp@sha256:…
    name: myapp-staging-green
    labels: {io.slipway.app: myapp}
    port: 28081
    health: {check: {path: /health}, version: 1.0.42, passes: 3}
    run: 261124-021500-4711-3fa9c1
"""

RETURN = r"""
name:
  description: Name of the container.
  returned: success
  type: str
probes:
  description: As of M(slipway.core.healthy).
  returned: with O(health)
  type: list
  elements: dict
"""

import contextlib
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import container, labels, lock, network, snapshot, way_back
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.tenure import Tenure
from ansible_collections.slipway.core.plugins.module_utils.watch import OPTIONS, Watch

HEALTH = {name: option for name, option in OPTIONS.items() if name not in ("url", "container")}


def refuse_foreign(before: dict[str, Any], params: dict[str, Any]) -> None:
    """Refuse to remove a container that somebody else has started under this name.

    :raises ValueError: it is one.
    """
    own = params["labels"]
    if not labels.are_of(before["Config"].get("Labels") or {}, own[labels.APP], own[labels.ENVIRONMENT]):
        raise ValueError(f"a container of this name, which runs {before['Config']['Image']}, is none of ours")


def make(engine: Engine, params: dict[str, Any]) -> None:
    """Make the container in the place of one that has its name."""
    kept = snapshot.read(params["directory"], params["config"], snapshot.load_key(params["directory"]))
    spec = {**params["settings"], **kept.public}
    folder = snapshot.files(Path(params["directory"]), params["config"])
    wanted = container.Wanted(
        image=params["image"],
        spec=spec,
        secret_env=kept.secrets_env,
        secret_files=str(folder) if kept.secret_files else "",
        labels=params["labels"],
        published=(params["address"], params["port"]),
        restart_policy=params["restart_policy"],
        discoverable=params["discoverable"],
    )
    name = params["name"]
    before = engine.container(name)
    if before:
        refuse_foreign(before, params)
        if before["State"]["Running"]:
            engine.stop(name, before["Config"].get("StopTimeout") or spec["stop_timeout"])
        engine.remove(name)
    own = params["labels"]
    network.provide(engine, spec["networks"], own[labels.APP], own[labels.ENVIRONMENT])
    engine.create(name, container.body(wanted))
    for further in spec["networks"][1:]:
        engine.connect(further["name"], name, container.endpoint(further, params["discoverable"]))


def prove(engine: Engine, params: dict[str, Any]) -> dict[str, Any]:
    """Start it, and watch it until there is a verdict."""
    name = params["name"]
    engine.start(name)
    try:
        url = f"http://{engine.published(name)}"
    except EngineError as error:
        reason = way_back.told(error)
        with contextlib.suppress(EngineError):
            reason = engine.ended(name) or reason
        return {"healthy": False, "msg": f"{name} is not healthy: {reason}", "body": "", "probes": []}
    asked = {**params["health"], "url": url, "container": name}
    return Watch(asked, gone=lambda: engine.ended(name)).run()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "config": {"type": "str", "required": True},
            "image": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "labels": {"type": "dict", "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 0},
            "restart_policy": {"type": "str", "default": "no"},
            "discoverable": {"type": "bool", "default": True},
            "settings": {"type": "dict", "default": {}},
            "health": {"type": "dict", "options": HEALTH},
            "run": {"type": "str", "required": True},
        },
    )
    params = module.params
    engine = Engine()
    try:
        with Tenure(Path(params["directory"]), params["run"]):
            make(engine, params)
            made = {"healthy": True, "story": f"{params['name']} made"}
            verdict = prove(engine, params) if params["health"] else made
    except (EngineError, ValueError, OSError, lock.LockLost, snapshot.SnapshotDamaged) as error:
        module.fail_json(msg=f"{params['name']} cannot be started: {str(error).rstrip('.')}.", name=params["name"])
        return
    module.exit_json(**{**verdict, "changed": True, "failed": not verdict["healthy"], "name": params["name"]})


if __name__ == "__main__":
    main()
