"""Which failed requests belong to a switch from one container to the next."""

from __future__ import annotations

import pytest

from bench.prober import Answer, unexplained

SWITCH = (10.0, 12.0)
BEFORE, FIRST = Answer(9.8, 0.1, "1.0.1", ""), Answer(11.5, 1.0, "1.0.2", "")


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(Answer(9.9, 0.2, "", "reset"), id="under way when the container was stopped"),
        pytest.param(Answer(11.0, 0.0, "", "refused"), id="while nothing listened"),
        pytest.param(Answer(12.2, 0.1, "", "reset"), id="before the next container answered"),
        pytest.param(Answer(11.4, 2.0, "", "timeout"), id="over after others were answered"),
    ],
)
def test_a_request_that_was_under_way_in_a_switch_belongs_to_it(failed: Answer) -> None:
    assert unexplained([BEFORE, failed, FIRST], [SWITCH], 0.05) == []


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(Answer(9.0, 0.2, "", "status 503"), id="before it"),
        pytest.param(Answer(12.6, 0.1, "", "reset"), id="after the next container had answered"),
    ],
)
def test_another_one_does_not(failed: Answer) -> None:
    assert unexplained([BEFORE, FIRST, failed], [SWITCH], 0.05) == [failed]


def test_what_nothing_answers_after_lasts() -> None:
    failed = Answer(60.0, 0.1, "", "refused")
    assert unexplained([BEFORE, failed], [SWITCH], 0.05) == []
