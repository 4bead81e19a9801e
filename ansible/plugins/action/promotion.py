"""Controller side of M(slipway.core.promotion): which release production gets."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils import gates


class ActionModule(ActionBase):
    """Resolves a promotion from what the staging hosts report."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "staging": {"type": "list", "elements": "dict", "required": True},
                "version": {"type": "str", "default": ""},
                "digest": {"type": "str", "default": ""},
            }
        )
        try:
            release = gates.promotable(args["staging"], args["version"], args["digest"])
        except gates.Refused as refusal:
            return {"failed": True, "changed": False, "msg": str(refusal)}
        return {
            "changed": False,
            "release": release,
            "story": f"{release['version']} is verified in staging as {release['digest'][:19]}",
        }
