"""The application under gunicorn, for real: start, log, drain, and the faults before the port is open."""

import json
import os
import time
from datetime import datetime
from pathlib import Path

from conftest import APP
from gunicorn_process import DEADLINE, Gunicorn


def test_serves_logs_json_and_on_sigterm_turns_unready_and_finishes_what_is_in_flight(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    helpers = str(Path(__file__).parent)
    with Gunicorn(APP, "--pythonpath", helpers, "gated:create_app()", GATE=str(gate)) as server:
        server.wait_until_listening()
        idle, in_flight = server.connect(), server.connect()
        assert health(idle) == (200, True)
        line = server.wait_for_line(logger="web.requests")
        assert (line["path"], line["status"], len(line["request_id"])) == ("/health", 200, 32)
        in_flight.request("GET", "/gated")
        server.wait_for_line(logger="gated")

        server.process.terminate()
        until = time.monotonic() + DEADLINE
        while (state := health(idle)) == (200, True):
            assert time.monotonic() < until, "still ready after SIGTERM"
        assert state == (503, False)
        assert server.process.poll() is None

        gate.write_text("through")
        answer = in_flight.getresponse()
        assert (answer.status, answer.read()) == (200, b"through")
        in_flight.close()
        assert server.wait_for_exit() == 0
    assert {"gunicorn.error", "web.requests", "gated"} == {line["logger"] for line in server.lines}


def test_connections_without_a_request_hardly_hold_up_the_end():
    with Gunicorn(APP) as server:
        server.wait_until_listening()
        kept, early, late = [server.connect() for _ in range(5)], server.connect(), server.connect()
        early.connect()
        for connection in kept:
            health(connection)
        time.sleep(0.6)
        late.connect()
        server.stop()
    # gunicorn's own settings make this 2 s for those kept alive, and 5 s or 25 s for those that sent nothing.
    assert stopping(server.lines) < 1.5
    assert {line["level"] for line in server.lines} == {"info"}


def stopping(lines):
    """The seconds from SIGTERM until the worker ended, as logged."""
    (begun,) = [line["time"] for line in lines if line["message"] == "Handling signal: term"]
    (ended,) = [line["time"] for line in lines if line["message"].startswith("Worker exiting")]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def health(connection):
    """Status of /health, and what it says of being ready."""
    connection.request("GET", "/health")
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["checks"]["ready"]


def test_a_setting_that_cannot_be_used_ends_it_with_one_sentence():
    with Gunicorn(APP, PORT="http") as server:
        assert server.wait_for_exit() == 1
    assert [line["message"] for line in server.lines] == ["PORT is 'http': set it to a whole number from 1 to 65535."]


def test_a_slow_start_listens_late_and_still_heeds_sigterm():
    with Gunicorn(APP, APP_FAULT="slow_start", APP_FAULT_SECONDS="3600") as server:
        server.wait_for_line(message="APP_FAULT is 'slow_start': listening in 3600 s.")
        assert not server.listens(server.port)
        server.process.terminate()
        assert server.wait_for_exit() == 143


def test_the_wrong_port_is_the_next_one():
    with Gunicorn(APP, APP_FAULT="wrong_port") as server:
        server.wait_until_listening(server.port + 1)
        assert not server.listens(server.port)
