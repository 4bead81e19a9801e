"""What outcomes say: judged by version, and summed up."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from pathlib import Path

import pytest

from bench.outcomes import (
    Expectation,
    Latency,
    Outcome,
    failed,
    judge,
    latency,
    longest_gap,
    longest_pause,
    read,
    summary,
    within,
    wrong_versions,
)

OLD, NEW = "1.0.1", "1.0.2"
SWITCH = [Expectation(0, 12, {OLD}), Expectation(10, math.inf, {NEW})]


def outcome(
    sent: float, seconds: float = 0.5, kind: str = "keepalive", version: str = OLD, trouble: str = ""
) -> Outcome:
    return Outcome(sent, seconds, kind, version, trouble)


def refused(sent: float, seconds: float = 0.0, kind: str = "connection") -> Outcome:
    return outcome(sent, seconds, kind, "", "refused")


def test_file_gives_back_what_was_written_and_no_half_line(tmp_path: Path) -> None:
    written = [outcome(1.25), refused(2.5)]
    file = tmp_path / "outcomes.jsonl"
    file.write_text("".join(one.line() for one in written) + outcome(3).line()[:-2])
    assert read(file) == written


@pytest.mark.parametrize(
    ("sent", "version", "allowed", "trouble"),
    [
        (1, OLD, set(), ""),
        (1, OLD, {OLD, NEW}, ""),
        (1, "1.0.3", {OLD, NEW}, "version 1.0.3"),
        (9, OLD, SWITCH, ""),
        (9, NEW, SWITCH, "version 1.0.2"),
        (9.75, NEW, SWITCH, ""),
        (11, OLD, SWITCH, ""),
        (12.25, OLD, SWITCH, "version 1.0.1"),
        (12.25, NEW, SWITCH, ""),
        (-5, OLD, SWITCH, "version 1.0.1"),
        (1, OLD, [], "version 1.0.1"),
    ],
)
def test_version_that_is_allowed(
    sent: float, version: str, allowed: Set[str] | Sequence[Expectation], trouble: str
) -> None:
    judged = judge([outcome(sent, version=version)], allowed)
    assert [one.trouble for one in judged] == [trouble]
    assert wrong_versions(judged) == [one for one in judged if trouble]


def test_failed_request_keeps_its_trouble() -> None:
    assert judge([refused(1)], {OLD}) == [refused(1)]


@pytest.mark.parametrize(
    ("kind", "version", "trouble", "fails"),
    [
        ("websocket", OLD, "closed 1001", False),
        ("websocket", OLD, "reset", False),
        ("websocket", OLD, "echo", True),
        ("websocket", NEW, "closed 1001", True),
        ("websocket", "", "reset", True),
        ("stream", OLD, "reset", True),
    ],
)
def test_only_an_open_websocket_may_be_closed(kind: str, version: str, trouble: str, fails: bool) -> None:
    outcomes = [outcome(1, 2, kind, version, trouble)]
    assert len(failed(judge(outcomes, {OLD}, ws_may_close=True))) == fails
    assert len(failed(judge(outcomes, {OLD}))) == 1


def test_latency_is_that_of_good_fast_answers_within_the_time() -> None:
    outcomes = [outcome(number, number / 100) for number in range(1, 101)]
    others = [refused(1, 9), outcome(1, 9, "slow"), outcome(200, 9)]
    assert latency([*outcomes, *others], until=200) == Latency(0.5, 0.99, 1.0)
    assert latency(outcomes, 11, 21) == Latency(0.15, 0.2, 0.2)
    assert latency(outcomes, 500) == Latency(0, 0, 0)
    assert [one.sent for one in within(outcomes, 11, 13)] == [11, 12]


@pytest.mark.parametrize(
    ("outcomes", "gap"),
    [
        ([], 0.0),
        ([outcome(0), outcome(1), outcome(2), outcome(5)], 3.0),
        ([outcome(0), refused(1), refused(2), outcome(3)], 3.0),
        ([outcome(0), refused(1, 3)], 3.5),
        ([refused(0), refused(3), outcome(4)], 4.5),
        ([refused(0), refused(4)], 4.0),
        ([outcome(0), outcome(2, kind="slow"), outcome(4)], 4.0),
    ],
)
def test_longest_gap(outcomes: list[Outcome], gap: float) -> None:
    assert longest_gap(outcomes) == gap


def test_longest_gap_within_a_time() -> None:
    outcomes = [outcome(0), outcome(10), outcome(11), outcome(20)]
    assert longest_gap(outcomes, 8, 13) == 2.5
    assert longest_gap(outcomes, 12, 13) == 1.0


def test_longest_pause_is_between_fast_requests() -> None:
    assert longest_pause([outcome(0), refused(1), outcome(2, kind="slow"), outcome(3)]) == 2.0
    assert longest_pause([]) == 0.0



def test_summary_is_one_line() -> None:
    outcomes = judge([outcome(0), refused(1), outcome(2, version=NEW), outcome(0, 5, "slow")], {OLD})
    assert summary(outcomes) == (
        "4 requests (1 connection, 2 keepalive, 1 slow), 2 failed (1 refused: connection, 1 version 1.0.2: keepalive); "
        "p50 500.0 ms, p99 500.0 ms, slowest 500.0 ms; longest gap without a good answer 2.00 s, "
        "without a request 1.00 s; answered by 1.0.1 (2), 1.0.2 (1)"
    )
    assert summary([]).startswith("0 requests, 0 failed; ")
