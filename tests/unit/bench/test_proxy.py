"""What is read from the output of wrk."""

import pytest

from bench.proxy import parse

PRINTED = """Running 5s test @ http://127.0.0.1:8081/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.28ms    0.41ms   9.90ms   78.10%
    Req/Sec    24.81k     1.02k   26.10k    80.00%
  Latency Distribution
     50%    1.21ms
     75%    1.40ms
     90%    1.61ms
     99%    3.11ms
  123456 requests in 5.00s, 30.00MB read
Requests/sec:  24691.11
Transfer/sec:      6.00MB
"""
TROUBLED = PRINTED.replace(
    "Requests/sec",
    "  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 4\nRequests/sec",
)


def test_a_run_without_errors():
    assert parse(PRINTED) == (24691.11, pytest.approx(0.00311), 123456, 0)


def test_errors_of_all_kinds_count():
    assert parse(TROUBLED)[3] == 10


def test_units():
    assert parse(PRINTED.replace("3.11ms", "850.00us"))[1] == pytest.approx(0.00085)
    assert parse(PRINTED.replace("3.11ms", "1.20s"))[1] == pytest.approx(1.2)


def test_output_of_another_kind_is_no_measurement():
    with pytest.raises(SystemExit, match="wrk printed no latency"):
        parse("unable to connect")
