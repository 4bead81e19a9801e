"""Controller side of M(slipway.core.proof): whether every host has come to the end of a verb."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Fails for the hosts that have not been marked, whatever Ansible thinks of them."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "verb": {"type": "str", "required": True},
                "hosts": {"type": "list", "elements": "str", "required": True},
            }
        )
        hostvars = (task_vars or {})["hostvars"]
        missing = [host for host in args["hosts"] if not hostvars[host].get("__proof")]
        if missing or not args["hosts"]:
            who = ", ".join(missing) or "any host"
            reason = f"{args['verb']} has not done its work on {who}: see why above, and run the same command again."
            return {"failed": True, "changed": False, "msg": reason}
        return {"changed": False, "story": f"done on {', '.join(args['hosts'])}"}
