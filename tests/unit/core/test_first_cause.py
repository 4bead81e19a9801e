"""What failed first is told, whatever fails after it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.core.plugins.module_utils import (
    docker_cli,
    failure,
    front,
    front_change,
    front_snapshot,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError
from ansible_collections.slipway.core.plugins.module_utils.way_back import NotBack
from ansible_collections.slipway.core.plugins.modules import candidate

ROLES = Path(__file__).resolve().parents[3] / "ansible/roles"


def raising(error: Exception) -> Any:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    return broken


class Engine:
    """One that refuses what goes wrong here."""

    def __init__(self, **refused: Exception) -> None:
        for name, error in refused.items():
            setattr(self, name, raising(error))

    def start(self, name: str) -> None:
        pass

    def ended(self, name: str) -> str:
        return ""

    def remove(self, name: str) -> None:
        pass


@pytest.mark.parametrize("missing", ["container", "serving", "release", "kind", "env", "aftermath", "hosts", "secrets"])
def test_a_report_that_cannot_be_made_tells_the_cause(missing: str) -> None:
    facts = {
        "env": "staging",
        "kind": "deploy",
        "host": "myapp-staging",
        "task": "deploy : Health | It proves itself",
        "result": {"msg": "the first cause with hunter2!"},
        "aftermath": "",
        "release": {"version": "1.0.42"},
        "container": {},
        "serving": {},
        "secrets": ["hunter2!"],
        "hosts": [{"host": "another", "failed": True}] if missing == "hosts" else [],
    }
    if missing != "hosts":
        del facts[missing]
    told = failure.report(facts)
    assert "the first cause with" in told["text"]
    assert "the first cause with" in told["entry"]["reason"]
    assert "status.yml tells what serves" in told["text"]
    if missing != "secrets":
        assert "hunter2" not in str(told)


@pytest.mark.parametrize("engine", [Engine(), Engine(ended=EngineError("Docker Engine is gone"))])
def test_a_candidate_without_a_port_is_told_of_though_it_cannot_be_looked_at(engine: Any) -> None:
    engine.published = raising(EngineError("it publishes no port"))
    told = candidate.prove(engine, {"name": "app", "health": {}})
    assert told["msg"] == "app is not healthy: it publishes no port"


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("cause", [ProxyError("it refuses its configuration"), OSError(5, "refuses its configuration")])
def test_why_a_front_did_not_come_up_is_told_though_the_one_before_it_cannot_be_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: bool, cause: Exception
) -> None:
    removed: list[str] = []
    engine: Any = Engine()
    engine.remove = removed.append
    limits = {"proxy_memory": "1g", "proxy_pids_limit": 1, "proxy_maxconn": 1}
    wanted = front_snapshot.Front({"proxy_image": "haproxy", **limits}, "global\n    description \n")
    own = front_change.identity(wanted, tmp_path)
    mine = {"name": "proxy", "proxy": own, "image": "haproxy", "running": running, "restart_policy": "unless-stopped"}
    monkeypatch.setattr(front, "containers", lambda *_: [mine])
    monkeypatch.setattr(front_change, "reload_config", raising(cause))
    monkeypatch.setattr(front, "start", raising(cause))
    answers = iter([True])

    def write(self: front.Front, text: str) -> bool:
        """The first time it works, and not when what was there is to be put back."""
        if next(answers, False):
            return True
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(front.Front, "write_config", write)
    place = front_change.Place(tmp_path, "myapp", "staging")
    with pytest.raises(NotBack, match=r"refuses its configuration; besides, .* No space left"):
        front_change.bring(engine, wanted, place)
    assert removed == ([] if running else [front_change.name(wanted, tmp_path)])


def test_a_build_that_ends_just_as_it_is_given_up_was_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill = os.killpg

    def too_late(process: int, signal: int) -> None:
        kill(process, signal)
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", too_late)
    with pytest.raises(docker_cli.BuildError, match=r"took longer than 0\.1 s"):
        docker_cli.run_build(["sleep", "60"], os.environ, tmp_path / "log", 0.1)


def tasks(found: Any) -> Any:
    for task in found or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def test_what_a_rescue_tells_does_not_hang_on_a_message_that_may_be_missing() -> None:
    """A failure that failed_when found, or one of a loop, has none."""
    words = [
        (path.name, found.group())
        for path in ROLES.rglob("*.yml")
        for found in re.finditer(r"result\.msg\b(?! *\| *default\()[^\n]*", path.read_text(encoding="utf-8"))
    ]
    assert words == []


def test_what_is_removed_in_any_case_does_not_fail_before_a_rescue_has_told_the_cause() -> None:
    for path in ROLES.rglob("tasks/**/*.yml"):
        for block in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if "always" in block and "rescue" not in block and path.parent.parent.name == "proxy":
                assert all(task.get("failed_when") is False for task in block["always"]), (path, block["name"])
