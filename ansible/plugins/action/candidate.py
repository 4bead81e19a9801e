"""Controller side of M(slipway.core.candidate): hides what is answered."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Runs the module without a trace of its answer in what the connection prints with -vvv."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        self._connection._play_context.no_log = True
        return self._execute_module(task_vars=task_vars)
