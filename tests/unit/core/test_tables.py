"""What people see of environments: the table, what is wrong or waits, and the history."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import tables

DIGEST = "sha256:" + "a" * 64
LIVE = {"version": "1.0.2", "digest": DIGEST, "config": "0123456789abcdef", "time": "2026-11-24T02:00:00.000Z"}
GONE = {"what": "container", "told": "the ledger says 1.0.2 is live, and its container is gone"}
HELD = {"explanation": "held by alice", "held": True}
LEFT = {"explanation": "held by alice until then, and its lease has ended", "held": False}
REFUSED = "Failed to connect to the host via ssh: ssh: connect to host 127.0.0.1 port 22: Connection refused"


def report(**changes: Any) -> dict[str, Any]:
    return {
        "environment": "staging",
        "live": LIVE,
        "serving": {"slot": "blue", "run": "r2", "running": True},
        "standby": None,
        "maintenance": False,
        "paused": None,
        "drift": [],
        "lock": None,
        "entries": [],
    } | changes


def item(host: str = "one", **changes: Any) -> dict[str, Any]:
    environment = changes.get("environment", "staging")
    return {
        "environment": environment,
        "host": host,
        "health": "healthy",
        "error": "",
        "report": report(**changes),
    }


def cells(text: str) -> dict[str, str]:
    """The first host's row, by the table's header."""
    header, row = text.splitlines()[:2]
    starts = [header.index(name) for name in tables.HEADER]
    ends = [*starts[1:], len(row)]
    return {name: row[start:end].strip() for name, start, end in zip(tables.HEADER, starts, ends, strict=True)}


def remark(**entry: Any) -> str:
    """The line of the history that an entry gets."""
    found = {"seq": 7, "time": LIVE["time"], "version": "1.0.2", "actor": "alice", **entry}
    return tables.status([item(entries=[found])]).splitlines()[-1]


@pytest.mark.parametrize(
    ("standby", "expected"),
    [
        (None, "-"),
        ({"version": "1.0.1", "run": "r1", "running": True}, "1.0.1 warm"),
        ({"version": "1.0.1", "run": "r1", "running": False}, "1.0.1 stopped"),
    ],
)
def test_slot_and_standby(standby: dict[str, Any] | None, expected: str) -> None:
    row = cells(tables.status([item(standby=standby)]))
    assert (row["LIVE"], row["SLOT"], row["STANDBY"]) == ("1.0.2", "blue", expected)


@pytest.mark.parametrize("serving", [None, {"slot": "public", "run": "r2", "running": True}])
def test_no_slot_without_a_container_behind_the_proxy(serving: dict[str, Any] | None) -> None:
    assert cells(tables.status([item(serving=serving)]))["SLOT"] == "-"


def test_no_standby_without_a_proxy() -> None:
    """A container that was left in a slot when the proxy went away is none that traffic could go back to."""
    spare = {"version": "1.0.1", "run": "r1", "running": False}
    row = cells(tables.status([item(standby=spare, serving={"slot": "public", "run": "r2", "running": True})]))
    assert row["STANDBY"] == "-"


def test_a_canary_that_waits_is_told_below_the_table() -> None:
    paused = {"version": "1.0.3", "time": LIVE["time"], "weight": 5, "container_run": "r3"}
    text = tables.status([item(paused=paused)])
    assert "! one: a canary of 1.0.3 waits since 2026-11-24 02:00:00 UTC with 5 % of the traffic" in text


def test_all_that_is_wrong_or_waits_stands_before_the_first_history() -> None:
    entry = {"seq": 1, "time": LIVE["time"], "event": "deployed", "version": "1.0.2", "actor": "alice"}
    unread = {"environment": "production", "host": "two", "health": "unreadable", "error": "why", "report": None}
    text = tables.status(
        [
            item(entries=[entry], maintenance=True, lock=HELD),
            item("other", entries=[entry], drift=[GONE]),
            unread,
        ]
    )
    below = text.splitlines()[4:]
    told = [line for line in below if line.startswith("! ")]
    assert below[: len(told)] == told
    assert [line.split(":")[0] for line in told] == ["! one", "! one", "! other", "! two"]
    assert "maintenance.yml -e env=staging -e state=off" in text


def test_nothing_is_wrong_while_something_only_waits() -> None:
    paused = {"version": "1.0.3", "time": LIVE["time"], "weight": 5}
    waiting = item(maintenance=True, paused=paused, lock=HELD)
    assert tables.status_trouble([waiting]) == ""


def test_drift_while_a_run_holds_the_lock_is_no_trouble_yet() -> None:
    assert tables.status_trouble([item(drift=[GONE], lock=HELD)]) == ""


def test_what_a_run_has_left_is_trouble_once_its_lease_has_ended() -> None:
    left = item(drift=[GONE], lock=LEFT)
    assert tables.status_trouble([left]) == "one: the ledger says 1.0.2 is live, and its container is gone."
    assert cells(tables.status([left]))["LOCK"] == "left"
    assert "its lease has ended" in tables.status([left])


def test_trouble_is_one_sentence_that_names_each_host() -> None:
    lost = {"environment": "production", "host": "two", "health": "unreachable", "error": "no route", "report": None}
    assert tables.status_trouble([item(drift=[GONE]), lost]) == f"one: {GONE['told']}; two is unreachable."


def test_a_host_that_is_not_reached() -> None:
    hostvars = {"one": {"__deploy_seen": {"unreachable": True, "msg": REFUSED}}}
    (found,) = tables.status_reports({"staging": ["one"]}, hostvars)
    assert (found["health"], found["report"]) == ("unreachable", None)
    assert tables.status([found]).splitlines()[-1] == (
        "! one: it cannot be reached over SSH: connect to host 127.0.0.1 port 22: Connection refused"
    )


def test_a_host_that_cannot_be_read() -> None:
    error = "Line 3 is damaged."
    hostvars = {"one": {"__deploy_seen": {"failed": True, "msg": error}, "__status_error": error}}
    (found,) = tables.status_reports({"production": ["one"]}, hostvars)
    assert (found["health"], found["error"]) == ("unreadable", error)
    assert tables.status_trouble([found]) == "one: Line 3 is damaged."


@pytest.mark.parametrize(("maintenance", "expected"), [(False, "unhealthy"), (True, "maintenance")])
def test_health_behind_the_maintenance_page_is_not_known(maintenance: bool, expected: str) -> None:
    hostvars = {"one": {"__deploy_seen": report(maintenance=maintenance), "__deploy_health": {"healthy": False}}}
    (found,) = tables.status_reports({"staging": ["one"]}, hostvars)
    assert found["health"] == expected


def test_history_tells_of_a_canary_that_waits() -> None:
    assert remark(event="paused", weight=5).endswith("alice  waits with 5 % of the traffic")


def test_history_tells_of_the_maintenance_page() -> None:
    line = remark(event="maintenance", state="on", version=None, reason="new disks")
    assert "maintenance (on)  -" in line
    assert line.endswith("new disks")


def test_history_tells_of_going_back_because_another_host_failed() -> None:
    line = remark(event="deployed", kind="rollback", replaced={"version": "1.0.3"}, reason="two failed")
    assert "deployed (rollback)" in line
    assert line.endswith("alice  replaced 1.0.3: two failed")


def test_history_tells_of_a_deployment() -> None:
    line = remark(event="deployed", kind="deploy", duration=4.2, replaced={"version": "1.0.1"}, reason=None)
    assert line.split()[3:] == ["deployed", "1.0.2", "alice", "in", "4.2", "s,", "replaced", "1.0.1"]


def test_history_tells_why_a_canary_was_given_up() -> None:
    assert remark(event="aborted", reason="the canary was aborted").endswith("the canary was aborted")
    assert remark(event="aborted", reconciled=["removed x"]).endswith("removed x")


def test_a_long_reason_ends_with_a_whole_word() -> None:
    line = remark(event="failed", phase="health", reason="word " * 40)
    assert line.endswith("word word…")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a few words", "a few words"),
        ("a  few\nwords", "a few words"),
        ("twelve chars", "twelve chars"),
        ("twelve chars and more", "twelve…"),
        ("twelve, and more", "twelve, and…"),
        ("fourteen, and", "fourteen…"),
        ("withoutanyspace", "withoutanys…"),
    ],
)
def test_shortened(text: str, expected: str) -> None:
    assert tables.shortened(text, 12) == expected
