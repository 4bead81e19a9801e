"""Controller side of M(slipway.core.environment_open): says who runs, and takes over from a run that is gone."""

from __future__ import annotations

import getpass
import os
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils import run

POLL_SECONDS = 2.0


class ActionModule(ActionBase):
    """Adds the run's identity to the module's options and proves a lock's owner dead where it can."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        playbook = os.getppid()
        identity = {
            "owner": os.environ.get("SLIPWAY_ACTOR") or getpass.getuser(),
            "host": run.controller(),
            "run": run.run_id(playbook),
        }
        args = {**self._task.args, **identity}
        ends = time.monotonic() + float(args.pop("wait", 0))
        told = ""
        while True:
            # SIGKILL to the playbook's process group does not reach its workers, which have groups of their own.
            if os.getppid() != playbook:
                return {"failed": True, "changed": False, "msg": "The run has ended while it waited for the lock."}
            result = self._execute_module(module_args=args, task_vars=task_vars)
            holder = result.get("holder")
            if not holder:
                return result
            if run.is_gone(holder["host"], holder["run"]) and args.get("gone") != holder["run"]:
                args["gone"] = holder["run"]
                continue
            if time.monotonic() >= ends:
                return result
            if holder["run"] != told:
                told = holder["run"]
                left = ends - time.monotonic()
                told_now = f"         waiting up to {left:.0f} s for the lock, {holder['explanation']}"
                # Standard output may be JSON.
                self._display.display(told_now, stderr=True)
            time.sleep(min(POLL_SECONDS, max(0.0, ends - time.monotonic())))
