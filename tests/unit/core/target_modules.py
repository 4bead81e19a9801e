"""Puts a target in memory beneath the real modules, so that each change they make is one of its steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import (
    front,
    front_change,
    labels,
    ledger,
    lock,
    snapshot,
    standby_mark,
    survey,
    tenure,
)
from ansible_collections.slipway.core.plugins.modules import (
    canary_pause,
    canary_step,
    candidate,
    container_switch,
    cut_over,
    drain,
    environment_close,
    environment_info,
    environment_open,
    environment_undo,
    ledger_entry,
    maintenance,
    proxy_apply,
    proxy_files,
    release_fetch,
)
from target_engine import Engine, Proxy
from target_model import Target

MODULES = (
    candidate,
    canary_pause,
    canary_step,
    container_switch,
    cut_over,
    drain,
    environment_close,
    environment_info,
    environment_open,
    environment_undo,
    ledger_entry,
    maintenance,
    proxy_apply,
    proxy_files,
    release_fetch,
)


class TaskFailed(Exception):
    """A task of the play has failed; ``result`` is what its module returned."""

    def __init__(self, **result: Any) -> None:
        super().__init__(result.get("msg", ""))
        self.result = result


class _Exit(BaseException):
    """What SystemExit is to a module."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


def beneath(target: Target, patch: pytest.MonkeyPatch) -> None:
    """Put a target beneath the modules."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return target.now

    class Module:
        def __init__(self, argument_spec: dict[str, Any], **_: Any) -> None:
            args = target.arguments
            assert not set(args) - set(argument_spec), "the module has no such option"
            assert all(name in args for name, option in argument_spec.items() if option.get("required"))
            self.params = {name: args.get(name, option.get("default")) for name, option in argument_spec.items()}
            self.check_mode = target.check_mode

        def exit_json(self, **result: Any) -> None:
            raise _Exit(result)

        def fail_json(self, **result: Any) -> None:
            raise _Exit({"failed": True, **result})

        def warn(self, text: str) -> None:
            if target.warned is None:
                raise AssertionError(text)
            target.warned.append(text)

    class Watch:
        def __init__(self, params: dict[str, Any], gone: Callable[[], str] = str, **_: Any) -> None:
            self._params, self._gone = params, gone

        def run(self) -> dict[str, Any]:
            trouble = self._gone() or (target.trouble if target.phase == target.trouble else "")
            container = Engine(target).container(self._params["container"])
            if target.phase == "candidate" and container and not trouble:
                it = labels.describe(container)
                env = container["Config"]["Labels"][labels.ENVIRONMENT]
                target.proofs.add((env, it["digest"], it["config"], it["run"]))
            return {"healthy": not trouble, "msg": trouble, "probes": [], "url": self._params["url"], "body": ""}

    stand_ins = {
        "AnsibleModule": Module,
        "Engine": lambda: Engine(target),
        "Watch": Watch,
        "datetime": Clock,
    }
    for module in MODULES:
        for name, stand_in in stand_ins.items():
            patch.setattr(module, name, stand_in, raising=False)
    for module in (front, front_change):
        patch.setattr(module, "Proxy", lambda path: Proxy(target, path))
    patch.setattr(ledger, "datetime", Clock)
    patch.setattr(front, "START_SECONDS", 0)
    # What a proxy has begun ends at once, or never.
    patch.setattr(front_change, "wait_until", lambda condition, *_: condition())
    patch.setattr(standby_mark, "SYSTEMD", target.directory / "no systemd")
    patch.setattr(survey, "ports", lambda *_: [])
    patch.setattr(cut_over, "fetch", lambda *_: {"content": ""})
    patch.setattr(cut_over, "judge", lambda *_: "trouble" if target.trouble == "prove" else "")
    patch.setattr(cut_over, "expected", lambda _: None)
    patch.setattr(canary_step.Step, "watch", lambda self: (target.trouble != "canary", "seen", {}))
    patch.setattr(os, "fsync", lambda _: None)
    # The tenure is the real one, by the target's clock, and nothing is as long as to be heard in the meantime.
    patch.setattr(tenure, "datetime", Clock)
    patch.setattr(tenure, "BEAT_SECONDS", 3600.0)
    _count_files(target, patch)


def _count_files(target: Target, patch: pytest.MonkeyPatch) -> None:
    """Make each change of a file a step. The lock is none, but nobody who is dead changes it."""
    write, release_lock, forget, remove = (
        ledger.write_durably,
        lock.release,
        front.Front.forget_certificates,
        snapshot._remove,
    )

    def write_durably(path: str, data: bytes) -> None:
        if path.endswith("lock.json") and not target.dead:
            write(path, data)
            return
        with target.step(f"write {Path(path).name}"):
            write(path, data)

    def stepped(what: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **more: Any) -> Any:
            with target.step(what):
                return change(*args, **more)

        return changed

    patch.setattr(ledger, "write_durably", write_durably)
    patch.setattr(lock, "release", stepped("release the lock", release_lock))
    patch.setattr(front.Front, "forget_certificates", stepped("forget certificates", forget))
    patch.setattr(snapshot, "_remove", stepped("remove a configuration", remove))


def call(target: Target, module: ModuleType, **arguments: Any) -> dict[str, Any]:
    """What a module returns. Raises TaskFailed when it fails."""
    target.phase, target.arguments = module.__name__.rpartition(".")[2], arguments
    try:
        module.main()
    except _Exit as end:
        if end.result.get("failed"):
            raise TaskFailed(**end.result) from None
        return end.result
    raise AssertionError("the module has not answered")
