"""The page of the fault tests says what was broken, what came of it, and how to see it again."""

import shlex

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
