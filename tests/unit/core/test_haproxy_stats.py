"""Reading HAProxy's statistics.

haproxy_show_stat.csv is what HAProxy 2.6.12 answered to ``show stat`` after requests to servers that were made to do
what their names say: ok 8, hangs, websocket and aborted (by the client) 1, the others 2 each; over/refuses is one that
refused 4 requests, which ``option redispatch`` sent to over/ok.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils.haproxy_stats import Counters, counters, parse, together
from ansible_collections.slipway.core.plugins.module_utils.verdict import Sample
from hypothesis import given
from hypothesis import strategies as st

REAL = (Path(__file__).parent / "haproxy_show_stat.csv").read_text()
COUNTS = st.integers(0, 30)


def count(**changes: float) -> Counters:
    return replace(Counters(0, 0, 0, 0, 0.0, 0, 0), **changes)


@pytest.mark.parametrize(
    ("server", "total", "failures"),
    [
        ("app/ok", 8, 0),
        ("app/e500", 2, 2),
        ("app/closes", 2, 2),
        ("app/resets", 2, 2),
        ("app/hangs", 1, 1),
        ("app/refuses", 2, 2),
        ("app/truncates", 2, 2),
        ("app/truncates_500", 2, 2),
        ("app/aborted", 1, 0),
        ("app/websocket", 0, 0),
        ("over/refuses", 4, 4),
        ("over/ok", 4, 0),
    ],
)
def test_each_failure_is_counted_once(server: str, total: int, failures: int) -> None:
    found = counters(parse(REAL), *server.split("/"))
    assert (found.total, found.failures) == (total, failures)


def test_the_counters_are_those_of_the_columns() -> None:
    rows = parse(REAL)
    assert counters(rows, "app", "ok") == count(requests=8, attempts=8, response_ms=1.0)
    assert counters(rows, "app", "resets") == count(connection_errors=4, attempts=2)
    assert counters(rows, "app", "aborted").sample() == Sample(1, 0, 1000.0)


def test_servers_of_one_application_count_together_and_the_enabled_one_tells_how_long_it_takes() -> None:
    rows = parse(REAL)
    rows["app", "aborted"]["status"] = "MAINT"
    both = together(rows, "app", ["aborted", "ok"])
    assert both == count(requests=9, attempts=9, response_ms=1.0)
    assert together(rows, "app", ["ok", "ok-h2"]) == counters(rows, "app", "ok")
    with pytest.raises(ValueError, match="no server app/blue"):
        together(rows, "app", ["blue", "blue-h2"])


def test_since_is_the_difference_and_gauges_are_those_of_now() -> None:
    earlier = count(requests=5, errors=1, connection_errors=1, sessions=2, response_ms=9.0, attempts=8)
    later = count(requests=9, errors=2, connection_errors=3, sessions=4, response_ms=7.0, aborts=1, attempts=14)
    between = later.since(earlier)
    assert (between.requests, between.errors, between.connection_errors, between.aborts) == (4, 1, 2, 1)
    assert (between.sessions, between.response_ms) == (4, 7.0)


def test_after_a_restart_everything_counts_since_then() -> None:
    later = count(requests=3, attempts=9, sessions=1)
    assert later.since(count(requests=4, attempts=5, sessions=7)) == later


def test_a_request_that_was_in_progress_and_fails_then_is_not_missed() -> None:
    between = count(connection_errors=1, attempts=1).since(count(sessions=1, attempts=1))
    assert (between.total, between.failures) == (1, 1)


def test_resets_among_answers_are_counted_once() -> None:
    found = count(requests=90, connection_errors=20, attempts=100)
    assert (found.total, found.failures) == (100, 10)


def test_idle_tunnels_are_no_failures() -> None:
    assert count(requests=5, aborts=5, attempts=5).failures == 0


@given(st.builds(Counters, COUNTS, COUNTS, COUNTS, COUNTS, st.just(1.0), COUNTS, COUNTS))
def test_whatever_haproxy_counts_makes_a_sample(found: Counters) -> None:
    sample = found.sample()
    assert found.requests <= sample.requests <= found.requests + found.connection_errors
    assert min(found.errors, sample.requests) <= sample.failures <= found.errors + found.connection_errors


@pytest.mark.parametrize("text", ["", "\n", "Unknown command: 'show stats'", "pxname,svname\na,b", "# pxname\na"])
def test_what_is_no_statistics_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no output of HAProxy's show stat: it begins with"):
        parse(text)


def test_a_row_that_is_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match=r"line 2 of HAProxy's statistics has 3 fields instead of \d+"):
        parse("\n".join([REAL.splitlines()[0], "app,ok,0"]))


def test_a_server_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="have app/ok twice"):
        parse(REAL.strip() + "\n" + next(line for line in REAL.splitlines() if line.startswith("app,ok,")))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("over/green", "HAProxy knows no server over/green; it has over/BACKEND, over/ok, over/refuses"),
        ("none/ok", "HAProxy knows no server none/ok; it has nothing of this backend"),
        ("app/BACKEND", "app/BACKEND is no server"),
        ("web/FRONTEND", "web/FRONTEND is no server"),
    ],
)
def test_what_is_no_server_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        counters(parse(REAL), *name.split("/"))


@pytest.mark.parametrize("value", ["", "-1", "1.5", "many", "²"])
def test_a_counter_that_is_no_number_is_refused(value: str) -> None:
    rows = parse(REAL)
    rows[("app", "ok")]["eresp"] = value
    with pytest.raises(ValueError, match="statistics of app/ok have no number in eresp"):
        counters(rows, "app", "ok")


def test_a_backend_in_tcp_mode_has_no_answers_to_count() -> None:
    rows = parse(REAL)
    del rows[("app", "ok")]["hrsp_5xx"]
    with pytest.raises(ValueError, match="no number in hrsp_5xx"):
        counters(rows, "app", "ok")
