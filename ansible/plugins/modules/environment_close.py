#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_close
short_description: Retire, prune and release an environment's lock
description:
  - Removes every container of the environment that is not the live one, then the images and configurations that
    no rollback of any environment on this host may need, and releases the lock of this run.
  - Does nothing when this run does not hold the lock.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment: slipway.core.environment
options:
  image:
    description: Repository of the image, without a tag.
    type: str
    required: true
  run:
    description: The run that holds the lock.
    type: str
    required: true
  keep:
    description: Verified releases, the live one included, that stay available for rollbacks.
    type: int
    default: 5
  prune:
    description: Whether to retire and prune. Without it only the lock is released.
    type: bool
    default: true
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
    run: 261124-021500-4711
"""

RETURN = r"""
retired:
  description: Containers that were removed, and the live one if it had to be started.
  returned: success
  type: list
  elements: str
pruned:
  description: Digests of removed images, and hashes of removed configurations.
  returned: success
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import environment, ledger, lock, retention
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.history import History


def retire(engine: Engine, params: dict[str, Any], home: Path) -> list[str]:
    """Remove every container of the environment but the live one, which has to run; returns what was done."""
    live = History(ledger.read(str(home / environment.LEDGER))).live()
    ours = environment.containers(engine, params["app"], params["environment"])
    return environment.reconcile(engine, ours, live)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **environment.OPTIONS,
            "image": {"type": "str", "required": True},
            "run": {"type": "str", "required": True},
            "keep": {"type": "int", "default": 5},
            "prune": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    home = environment.home(params["directory"], params["app"], params["environment"])
    path = str(home / environment.LOCK)
    retired: list[str] = []
    pruned: dict[str, Any] = {"images": [], "configurations": []}
    try:
        held = None if module.check_mode else lock.read(path)
        if held is None or held.run_id != params["run"]:
            module.exit_json(changed=False, retired=retired, pruned=pruned)
            return
        try:
            if params["prune"]:
                engine = Engine()
                retired = retire(engine, params, home)
                pruned = retention.prune(engine, Path(params["directory"]), home, params["image"], params["keep"])
                if pruned.get("warning"):
                    module.warn(pruned.pop("warning"))
        finally:
            lock.release(path, params["run"])
    except (EngineError, OSError, ValueError, lock.LockDamaged, ledger.LedgerDamaged) as error:
        module.fail_json(msg=environment.explain(error))
        return
    removed = len(pruned["images"])
    module.exit_json(
        changed=bool(retired or removed or pruned["configurations"]),
        retired=retired,
        pruned=pruned,
        story=f"lock released; {len(retired)} containers retired, {removed} images pruned",
    )


if __name__ == "__main__":
    main()
