"""The slow answer and the stream say what runs, take their time, and refuse what is no time."""

import json
import time

import pytest
from conftest import APP
from gunicorn_process import Gunicorn
from web import create_app
from web.config import Config


@pytest.fixture
def client(clock):
    return create_app(Config(version="1.0.42", load_paths=True), clock).test_client()


@pytest.mark.parametrize("path", ["/slow?s=0", "/stream?s=0", "/ws"])
def test_what_keeps_it_busy_is_there_only_where_it_is_switched_on(clock, path):
    shut, opened = (create_app(Config(load_paths=on), clock).test_client().get(path) for on in (False, True))
    assert shut.status_code == 404
    assert opened.status_code != 404


def test_slow_takes_its_time(client):
    began = time.monotonic()
    answer = client.get("/slow?s=0.3")
    assert (answer.status_code, answer.json) == (200, {"version": "1.0.42", "seconds": 0.3})
    assert time.monotonic() - began >= 0.3


def test_slow_may_take_none(client):
    assert client.get("/slow?s=0").json == {"version": "1.0.42", "seconds": 0}


@pytest.mark.parametrize("path", ["/slow", "/stream"])
@pytest.mark.parametrize("given", ["", "soon", "-0.1", "60.1", "nan", "inf", "1,5", "<b>"])
def test_what_is_no_time_is_refused_in_a_sentence(client, path, given):
    answer = client.get(path, query_string={"s": given})
    assert (answer.status_code, answer.mimetype) == (400, "application/json")
    assert answer.json == {"error": f"s is {given!r}: set it to a number of seconds from 0 to 60."}


@pytest.mark.parametrize("path", ["/slow", "/stream"])
def test_no_time_at_all_is_refused_too(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json["error"][:7]) == (400, "s is ''")


def test_a_stream_ends_with_a_line_that_says_so(client):
    began = time.monotonic()
    answer = client.get("/stream?s=0.5")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.mimetype == "application/x-ndjson"
    assert lines == [
        *[{"version": "1.0.42", "line": number} for number in (1, 2, 3)],
        {"done": True, "version": "1.0.42", "lines": 3},
    ]
    assert time.monotonic() - began >= 0.5


def test_a_stream_may_end_at_once(client):
    assert json.loads(client.get("/stream?s=0").text) == {"done": True, "version": "1.0.42", "lines": 0}


def test_a_stream_is_sent_line_by_line_ends_whole_after_sigterm_and_is_logged_then():
    with Gunicorn(APP, APP_VERSION="1.0.42", APP_LOAD_PATHS="on") as server:
        server.wait_until_listening()
        connection = server.connect()
        began = time.monotonic()
        connection.request("GET", "/stream?s=2")
        answer = connection.getresponse()
        first = json.loads(answer.readline())
        assert (first, time.monotonic() - began < 2) == ({"version": "1.0.42", "line": 1}, True)
        server.process.terminate()
        rest = answer.read()
        assert json.loads(rest.splitlines()[-1])["done"] is True
        assert server.wait_for_exit() == 0
    (line,) = [line for line in server.lines if line["logger"] == "web.requests"]
    assert line["bytes"] == len(rest) + len(json.dumps(first)) + 1
    assert line["duration_ms"] >= 2000
    assert len(line["request_id"]) == 32
