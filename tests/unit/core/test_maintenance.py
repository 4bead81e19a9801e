"""The maintenance page is shown and recorded in one step, or neither."""

from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import front, recording
from ansible_collections.slipway.core.plugins.modules import maintenance
from target_model import Target
from target_modules import TaskFailed, call
from target_runs import APP, Run
from test_target_model import finish, fresh


def turn(target: Target, state: str) -> dict[str, Any]:
    run = Run(target, "staging", kind="maintenance")
    run.begin()
    run.take()
    where = {"directory": str(target.directory), "app": APP, "environment": "staging"}
    fields = {"environment": "staging", "state": state, "actor": "alice"}
    try:
        return call(target, maintenance, **where, state=state, run=run.id, fields=fields)
    finally:
        run.close(prune=False)


def shown(target: Target) -> bool:
    home = target.directory / f"{APP}-staging"
    (proxy,) = front.containers(maintenance.Engine(), APP, "staging")
    routes = front.routes(home, [proxy])
    assert routes
    assert front.Front(home).config() == front.Front(home).with_page(routes.maintenance)
    return routes.maintenance


def test_the_page_is_recorded_with_it() -> None:
    with fresh() as target:
        target.registry.push("1.0.1")
        assert finish(Run(target, "staging")) == "done"
        assert turn(target, "on")["entry"]["event"] == "maintenance"
        assert shown(target)
        assert not turn(target, "on")["changed"]
        assert turn(target, "off")["changed"]
        assert not shown(target)
        assert [entry["event"] for entry in target.entries("staging")] == ["deployed", "maintenance", "maintenance"]


def test_a_page_that_cannot_be_recorded_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with fresh() as target:
        target.registry.push("1.0.1")
        assert finish(Run(target, "staging")) == "done"
        monkeypatch.setattr(recording, "record", full)
        with pytest.raises(TaskFailed, match="No space left on device"):
            turn(target, "on")
        assert not shown(target)
        assert [entry["event"] for entry in target.entries("staging")] == ["deployed"]


def test_a_check_tells_what_would_be_shown_and_shows_nothing() -> None:
    with fresh() as target:
        target.registry.push("1.0.1")
        assert finish(Run(target, "staging")) == "done"
        target.check_mode = True
        where = {"directory": str(target.directory), "app": APP, "environment": "staging"}
        told = call(target, maintenance, **where, state="on")
        assert told["changed"]
        assert told["diff"]["before"] != told["diff"]["after"]
        assert not shown(target)
        assert not call(target, maintenance, **where, state="off")["changed"]
        assert [entry["event"] for entry in target.entries("staging")] == ["deployed"]


def test_without_a_proxy_there_is_no_page_to_show() -> None:
    with fresh() as target:
        target.registry.push("1.0.1")
        assert finish(Run(target, "staging", strategy="recreate")) == "done"
        with pytest.raises(TaskFailed, match="No proxy runs for myapp here, so there is nothing"):
            turn(target, "on")
