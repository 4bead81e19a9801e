"""Controller side of M(slipway.core.gate): may this release go to this environment."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils import gates


class ActionModule(ActionBase):
    """Asks for an approval where the environment is production."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "environment": {"type": "str", "required": True},
                "release": {"type": "dict", "required": True},
                "approvals": {"type": "dict", "required": True},
                "config": {"type": "str", "required": True},
                "front": {"type": "str", "required": True},
            }
        )
        if args["environment"] != "production":
            return {"changed": False, "approval": None, "story": "no gate before " + args["environment"]}
        try:
            approval = gates.approval(args["release"], args["approvals"], args["config"], args["front"])
        except gates.Refused as refusal:
            return {"failed": True, "changed": False, "msg": str(refusal)}
        explanation = args["approvals"][args["release"]["digest"]]["explanation"]
        return {"changed": False, "approval": approval, "story": explanation}
