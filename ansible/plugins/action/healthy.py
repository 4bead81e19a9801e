"""Controller side of M(slipway.core.healthy): hides what is answered, and spares the controller a process."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils.watch import OPTIONS, Watch, result


class ActionModule(ActionBase):
    """Runs the module on the task's host; on the controller itself it asks from this process."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        # An answer may hold secrets, and with -vvv the connection would print it as it came.
        self._connection._play_context.no_log = True
        on_target = self._task.args.get("container") or self._task.args.get("bypass_file")
        if self._connection.transport != "local" or self._task.check_mode or on_target:
            return self._execute_module(task_vars=task_vars)
        spec = {**OPTIONS, "tolerate": {"type": "bool", "default": False}}
        _, params = self.validate_argument_spec(argument_spec=spec)
        verdict = Watch({name: params.get(name) for name in OPTIONS}).run()
        return result(verdict, params["tolerate"])
