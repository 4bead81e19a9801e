"""Controller side of M(slipway.core.preflight): whether the target has what a deployment needs."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils import preflight


class ActionModule(ActionBase):
    """Refuses in one sentence."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "environment": {"type": "str", "required": True},
                "opened": {"type": "dict", "required": True},
                "needs": {"type": "dict", "required": True},
            }
        )
        host = (task_vars or {})["inventory_hostname"]
        reason = preflight.problem(host, args["environment"], args["opened"], args["needs"])
        if reason:
            return {"failed": True, "changed": False, "msg": reason}
        disk = args["opened"]["disk"]["free_mb"]
        return {"changed": False, "story": f"Docker Engine, ports and disk ({disk} MiB free) will do"}
