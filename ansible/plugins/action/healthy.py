"""Controller side of M(slipway.core.healthy): repeats M(ansible.builtin.uri) until the answers convince."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.core.plugins.module_utils.probe import SOURCES, Expectation, judge

EVIDENCE_PROBES = 5
# Cut to what people read only after secrets are hidden in it.
BODY_CHARACTERS = 65536
SMOKE_ATTEMPTS = 3
SMOKE = Expectation(statuses=tuple(range(200, 400)))


class ActionModule(ActionBase):
    """Probe a URL from the task's host: consecutive passes, a deadline, and an early verdict."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "url": {"type": "str", "required": True},
                "check": {
                    "type": "dict",
                    "required": True,
                    "options": {
                        "path": {"type": "str", "required": True},
                        "statuses": {"type": "list", "elements": "int", "default": [200]},
                        "host": {"type": "str", "default": ""},
                        "version_source": {"type": "str", "choices": list(SOURCES), "default": "none"},
                        "version_key": {"type": "str", "default": "version"},
                        "smoke_paths": {"type": "list", "elements": "str", "default": []},
                    },
                },
                "version": {"type": "str", "default": ""},
                "passes": {"type": "int", "default": 1},
                "interval": {"type": "float", "default": 0.5},
                "timeout": {"type": "int", "default": 5},
                "deadline": {"type": "int", "default": 30},
                "hold": {"type": "int", "default": 0},
                "container": {"type": "str", "default": ""},
                "tolerate": {"type": "bool", "default": False},
            }
        )
        if self._task.check_mode:
            return {"changed": False, "skipped": True, "msg": "health is not probed in check mode"}
        if args["passes"] < 1 or args["deadline"] < 1:
            raise AnsibleActionFail("passes and deadline must be at least 1")
        # An answer may hold secrets, and with -vvv the connection would print it as it came.
        self._connection._play_context.no_log = True
        return self._watch(args, task_vars or {})

    def _watch(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        check = args["check"]
        health = Expectation(tuple(check["statuses"]), args["version"], check["version_source"], check["version_key"])
        started = time.monotonic()
        probes: list[dict[str, Any]] = []
        passed = broken_smoke = 0
        body = ""

        def ask(path: str, expected: Expectation) -> str:
            nonlocal body
            probe, body = self._probe(args, path, expected, task_vars)
            probes.append({**probe, "at": round(time.monotonic() - started, 2)})
            return str(probe["trouble"])

        while True:
            was_healthy = passed > 0
            passed = 0 if ask(check["path"], health) else passed + 1
            elapsed = time.monotonic() - started
            if passed == 0:
                gone = self._container_gone(args["container"], task_vars)
                if gone:
                    return self._verdict(args, probes, elapsed, gone, body)
                if args["hold"] and was_healthy:
                    return self._verdict(args, probes, elapsed, "it was healthy and then was not", body)
            elif passed >= args["passes"] and elapsed >= args["hold"]:
                broken = next((path for path in check["smoke_paths"] if ask(path, SMOKE)), None)
                if broken is None:
                    return self._verdict(args, probes, time.monotonic() - started)
                broken_smoke += 1
                if broken_smoke >= SMOKE_ATTEMPTS:
                    trouble = f"{broken} fails while it says it is ready"
                    return self._verdict(args, probes, elapsed, trouble, body)
            if elapsed >= args["deadline"] + args["hold"]:
                return self._verdict(args, probes, elapsed, f"not within {args['deadline']} s", body)
            time.sleep(args["interval"])

    def _probe(
        self, args: dict[str, Any], path: str, expected: Expectation, task_vars: dict[str, Any]
    ) -> tuple[dict[str, Any], str]:
        """One question and its answer's body, which may hold secrets and so stays out of the probe."""
        host = args["check"]["host"]
        began = time.monotonic()
        answer = self._execute_module(
            module_name="ansible.builtin.uri",
            module_args={
                "url": args["url"].rstrip("/") + path,
                "headers": {"Host": host} if host else {},
                "status_code": expected.statuses,
                "return_content": True,
                "timeout": args["timeout"],
                "follow_redirects": "none",
                "use_proxy": False,
            },
            task_vars=task_vars,
        )
        probe = {
            "path": path,
            "status": int(answer.get("status") or -1),
            "seconds": round(float(answer.get("elapsed") or time.monotonic() - began), 2),
            "trouble": judge(answer, expected),
        }
        return probe, str(answer.get("content") or "").strip()[:BODY_CHARACTERS]

    def _container_gone(self, name: str, task_vars: dict[str, Any]) -> str:
        if not name:
            return ""
        state = self._execute_module(
            module_name="slipway.core.container_state", module_args={"name": name}, task_vars=task_vars
        )
        if state.get("failed") or state.get("running"):
            return ""
        if not state.get("exists"):
            return "its container is gone"
        memory = ", out of memory" if state.get("oom_killed") else ""
        return f"its container exited with code {state.get('exit_code')}{memory}"

    @staticmethod
    def _verdict(
        args: dict[str, Any], probes: list[dict[str, Any]], elapsed: float, trouble: str = "", body: str = ""
    ) -> dict[str, Any]:
        last = probes[-1]
        url = args["url"].rstrip("/")
        result: dict[str, Any] = {
            "changed": False,
            "elapsed": round(elapsed, 2),
            "probes": probes[-EVIDENCE_PROBES:],
            "attempts": len(probes),
            "url": url,
        }
        result["healthy"] = not trouble
        if not trouble:
            result["story"] = f"{url}{args['check']['path']} healthy after {result['elapsed']} s"
            return result
        return {
            **result,
            "failed": not args["tolerate"],
            "msg": f"{url}{last['path']} is not healthy: {trouble}; "
            f"the last of {len(probes)} probes: {last['trouble'] or 'healthy'}",
            "body": body,
        }
