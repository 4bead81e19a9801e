"""Controller side of M(slipway.core.preflight): whether the target has what a deployment needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils import preflight


class ActionModule(ActionBase):
    """Refuses in one sentence."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "environment": {"type": "str", "required": True},
                "opened": {"type": "dict", "required": True},
                "needs": {"type": "dict", "required": True},
                "image": {"type": "str", "required": True},
            }
        )
        host = (task_vars or {})["inventory_hostname"]
        opened, needs = args["opened"], args["needs"]
        freeable = self._freeable(args, task_vars) if preflight.lacks_disk(opened, needs) else None
        reason = preflight.problem(host, args["environment"], opened, needs, freeable)
        if reason:
            return {"failed": True, "changed": False, "msg": reason}
        disk = args["opened"]["disk"]["free_mb"]
        return {"changed": False, "story": f"Docker Engine, ports and disk ({disk} MiB free) will do"}

    def _freeable(self, args: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any] | None:
        """What Docker could free on the target, which only a refusal is worth asking for; None when it cannot tell."""
        asked = {"directory": str(Path(args["opened"]["home"]).parent), "image": args["image"]}
        told = self._execute_module("slipway.core.reclaimable", module_args=asked, task_vars=task_vars)
        found: dict[str, Any] | None = told.get("reclaimable")
        return found
