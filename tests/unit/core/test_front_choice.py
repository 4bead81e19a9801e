"""What a release is gone back to with is what its entry in the ledger says, and not today's variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import front_choice, front_snapshot
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front
from ansible_collections.slipway.core.plugins.module_utils.history import History

TODAY = {"settings": {"deploy_port": 8090}, "config": "today\n"}
THEN, LIVE = Front({"deploy_port": 8080}, "then\n"), Front({"deploy_port": 8081}, "live\n")


def entry(front: Front | None, seq: int = 1, **more: Any) -> dict[str, Any]:
    told = {"front": front.hash, "certificate": front.shown} if front else {}
    return {"event": "deployed", "seq": seq, "version": "1.0.1", "digest": "d", "config": "c", **told, **more}


def asked(kind: str = "rollback", strategy: str = "blue_green", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "strategy": strategy, "front": TODAY, "certificate": "", **more}


def chosen(home: Path, params: dict[str, Any], target: Any, live: Any) -> front_choice.Choice:
    for front in (THEN, LIVE):
        front_snapshot.write(home, front)
    return front_choice.choose(params, home, History([live] if live else []), target, check_mode=False)


@pytest.mark.parametrize(
    ("target", "live", "port"),
    [
        (entry(THEN), entry(LIVE), 8080),
        (entry(None), entry(LIVE), 8081),
        (entry(None), entry(None), 8090),
        (entry(Front({"deploy_port": 1}, "pruned\n")), entry(LIVE), 8081),
    ],
)
def test_a_rollback_brings_the_front_of_its_entry_or_else_leaves_that_of_the_live_one(
    tmp_path: Path, target: Any, live: Any, port: int
) -> None:
    found = chosen(tmp_path, asked(), target, live)
    assert found.settings == {"deploy_port": port}
    assert front_snapshot.read(tmp_path, str(found.name)) == found.front


def test_a_deployment_brings_the_front_that_is_asked_for(tmp_path: Path) -> None:
    assert chosen(tmp_path, asked("deploy"), None, entry(LIVE)).settings == TODAY["settings"]


@pytest.mark.parametrize("kind", front_choice.CHANGES_NONE)
def test_who_changes_no_release_changes_no_front(tmp_path: Path, kind: str) -> None:
    found = chosen(tmp_path, asked(kind), entry(LIVE), entry(LIVE))
    assert (found.front, found.hash) == (None, LIVE.hash)
    assert chosen(tmp_path, asked(kind), None, entry(None)).hash is None


@pytest.mark.parametrize(("then", "today", "shown"), [("old", "new", "new"), ("old", "", "old"), ("", "new", "")])
def test_a_front_comes_back_with_todays_certificate_where_it_has_one(
    tmp_path: Path, then: str, today: str, shown: str
) -> None:
    front = Front(THEN.settings, THEN.config, then)
    front_snapshot.write(tmp_path, front)
    found = chosen(tmp_path, asked(certificate=today), entry(front), entry(LIVE))
    assert found.front is not None
    assert (found.front.certificate, found.hash) == (shown, THEN.hash)


@pytest.mark.parametrize(
    ("kind", "today", "target", "live", "wanted"),
    [
        ("deploy", "recreate", None, {"slot": "blue"}, "recreate"),
        ("rollback", "recreate", {"strategy": "canary", "slot": "blue"}, {"slot": "green"}, "canary"),
        ("rollback", "blue_green", {"strategy": "recreate", "slot": "public"}, {"slot": "public"}, "recreate"),
        ("rollback", "recreate", {"strategy": "recreate", "slot": "public"}, {"slot": "blue"}, "blue_green"),
        ("rollback", "blue_green", {"slot": "public"}, {"slot": "public"}, "recreate"),
        ("rollback", "recreate", {"slot": "blue"}, {"slot": "green"}, "blue_green"),
        ("rollback", "canary", {}, {"slot": "green"}, "canary"),
        ("promote", "recreate", {"slot": "green"}, {"slot": "blue"}, "blue_green"),
        ("maintenance", "recreate", {"slot": "blue"}, {"slot": "blue"}, "recreate"),
    ],
)
def test_a_rollback_is_shipped_as_its_release_was_unless_a_proxy_has_the_port(
    kind: str, today: str, target: Any, live: dict[str, Any], wanted: str
) -> None:
    history = History([entry(None, **live)])
    assert front_choice.strategy(asked(kind, today), history, target) == wanted
