"""Controller side of M(slipway.core.say): a text for people, as it is."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils import shown


class ActionModule(ActionBase):
    """Hands a text to the callback, which prints it without decoration."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(argument_spec={"text": {"type": "str", "required": True}})
        return {"changed": False, "say": shown.visible(args["text"])}
