"""Controller side of M(slipway.core.registry_release): asks the registry from this process."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils.registry import REGISTRY_OPTIONS, RegistryError
from ansible_collections.slipway.core.plugins.module_utils.release import FIND_OPTIONS, find
from ansible_collections.slipway.core.plugins.module_utils.version import VersionError


class ActionModule(ActionBase):
    """Spares the controller a process of its own for a few small requests."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, params = self.validate_argument_spec(argument_spec={**REGISTRY_OPTIONS, **FIND_OPTIONS})
        try:
            return {"changed": False, **find(params)}
        except (VersionError, RegistryError) as error:
            return {"failed": True, "changed": False, "msg": str(error)}
