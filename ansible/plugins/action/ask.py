"""Controller side of M(slipway.core.ask): a question to whoever sits at the terminal."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.core.plugins.module_utils import shown


class ActionModule(ActionBase):
    """Asks, and takes nobody there, Ctrl-C and an empty line alike: for no answer."""

    BYPASS_HOST_LOOP = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(argument_spec={"question": {"type": "str", "required": True}})
        try:
            answer = Display().prompt_until(shown.visible(f"{args['question']}:"))
        except (AnsiblePromptInterrupt, AnsiblePromptNoninteractive):
            answer = b""
        return {"changed": False, "answer": shown.line(answer.decode("utf-8", "replace").strip())}
