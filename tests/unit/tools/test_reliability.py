"""The page of the fault tests says what was broken, what came of it, and how to see it again."""

import json
import shlex

import pytest

from bench.outcomes import Outcome
from tests.integration.faults import report
from tests.integration.faults.report import Aftermath, Report
from tests.integration.verbs import Run
from tools import reliability

ROW = {
    "group": "Kills",
    "fault": "blue_green: SIGKILL after health",
    "during": "1.0.1",
    "after": "1.0.1",
    "following": "completed, 6.0 s",
    "requests": 1200,
    "failed": {},
    "test": "tests/integration/faults/test_kills.py::test_killed_after_a_phase[blue_green-health]",
    "options": "",
}
CALM = Run(code=0, output="done, changed=0", events=[], seconds=4.0)
BUSY = Run(code=0, output="done, changed=3", events=[], seconds=9.0)
FACTS = {"commit": "abc1234", "date": "2026-01-01", "cores": 2, "load": "1.0"}


def test_a_row_has_the_command_that_reproduces_it():
    told = reliability.command(ROW | {"options": " SEED=7 KILLS=15"}).strip("`")
    fault = "faults/test_kills.py::test_killed_after_a_phase[blue_green-health]"
    assert shlex.split(told)[2:] == [f"FAULT={fault}", "SEED=7", "KILLS=15"]


def test_failed_requests_are_counted_by_why():
    assert reliability.failed(ROW) == "0"
    assert reliability.failed(ROW | {"failed": {"reset": 2, "refused": 3}}) == "5 (3 refused, 2 reset)"


def test_the_page_has_a_table_for_each_group_that_has_rows():
    page = reliability.page([ROW, ROW | {"group": "Ledger", "requests": 0}], FACTS)
    assert "1,200 requests in all" in page
    assert page.index("## Kills") < page.index("## Ledger")
    assert "## Registry" not in page
    rows = [line for line in page.splitlines() if line.startswith("| blue_green")]
    assert all(line.count(" | ") == len(reliability.COLUMNS) - 1 for line in rows)


def answer(version: str, trouble: str = "") -> Outcome:
    return Outcome(sent=1.0, seconds=0.1, kind="connection", version=version, trouble=trouble)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Gives the one row that was kept."""
    monkeypatch.setattr(report, "ROWS", tmp_path)

    def only():
        (path,) = tmp_path.iterdir()
        return json.loads(path.read_text())

    return only


def test_a_row_of_several_faults_has_all_their_requests(kept):
    first = Aftermath("1.0.1", "1.0.2", [answer("1.0.1")], "1.0.1", BUSY, [answer("1.0.2"), answer("", "reset")])
    second = Aftermath("1.0.2", "1.0.3", [answer("1.0.9"), answer("1.0.3")], "1.0.3", CALM, [answer("", "reset")])
    Report("a test").keep("Kills", "killed twice", first, second, options=" SEED=1")
    row = kept()
    assert (row["during"], row["after"]) == ("old and new and another, longest gap 0.1 s", "old or new")
    assert (row["requests"], row["failed"]) == (6, {"reset": 2})
    assert row["following"] == "completed, 6.5 s"


def test_a_row_says_who_served_where_nothing_was_to_change(kept):
    Report("a test").keep("Machine", "stopped", Aftermath("1.0.1", "1.0.1", [], "1.0.1", CALM, [answer("1.0.1")]))
    row = kept()
    assert (row["during"], row["after"]) == ("nobody", "the release")
    assert row["following"] == "nothing to do, 4.0 s"
