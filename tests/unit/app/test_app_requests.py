"""Every request has an id, a line in the log, and a place in the metrics."""

import json
import logging
import re

import pytest
from flask import request
from web import create_app, logs
from web.config import Config, Fault


@pytest.fixture
def app(clock):
    return create_app(Config(version="1.0.42"), clock)


def test_the_id_of_the_client_comes_back(app):
    answer = app.test_client().get("/version", headers={"X-Request-ID": "run-7:probe.1"})
    assert answer.headers["X-Request-ID"] == "run-7:probe.1"


@pytest.mark.parametrize("given", [None, "", "two words", 'quote"', "x" * 129])
def test_without_an_acceptable_id_one_is_made(app, given):
    headers = {} if given is None else {"X-Request-ID": given}
    made = app.test_client().get("/version", headers=headers).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_a_request_is_logged_without_its_query(app, caplog):
    caplog.set_level(logging.INFO)
    app.test_client().get("/version?token=hunter2", headers={"X-Request-ID": "a1", "User-Agent": "probe"})
    (record,) = [record for record in caplog.records if record.name == "web.requests"]
    line = record.fields
    assert line.pop("duration_ms") >= 0
    assert line.pop("bytes") > 0
    assert line == {
        "request_id": "a1",
        "method": "GET",
        "path": "/version",
        "route": "/version",
        "status": 200,
        "client": "127.0.0.1",
        "user_agent": "probe",
    }
    assert "hunter2" not in caplog.text


def test_the_client_is_the_one_that_the_proxy_tells_of(app, caplog):
    caplog.set_level(logging.INFO)
    app.add_url_rule("/here", view_func=lambda: request.url)
    # What comes before the last address may be the client's own invention.
    forwarded = {"For": "1.2.3.4, 203.0.113.7", "Proto": "https", "Host": "example.com", "Port": "8443"}
    headers = {f"X-Forwarded-{name}": value for name, value in forwarded.items()}
    assert app.test_client().get("/here", headers=headers).text == "https://example.com:8443/here"
    assert [record.fields["client"] for record in caplog.records] == ["203.0.113.7"]


def test_a_stream_is_accounted_for_when_it_has_ended(app, caplog):
    caplog.set_level(logging.INFO)
    app.add_url_rule("/pieces", view_func=lambda: iter(["ä", "b"]))
    answer = app.test_client().get("/pieces", headers={"X-Request-ID": "a1"}, buffered=False)
    pieces = answer.iter_encoded()
    assert (next(pieces), caplog.messages) == ("ä".encode(), [])
    assert next(pieces) == b"b"
    answer.close()
    (record,) = caplog.records
    assert (record.message, record.fields["bytes"], record.fields["request_id"]) == ("GET /pieces 200", 3, "a1")
    metrics = app.test_client().get("/metrics").text
    assert 'http_requests_total{route="/pieces",status="200"} 1.0' in metrics


def test_a_stream_that_is_cut_is_closed_and_accounted_for_too(app, caplog):
    caplog.set_level(logging.INFO)
    closed = []

    def pieces():
        try:
            yield "a"
            yield "b"
        finally:
            closed.append(True)

    app.add_url_rule("/pieces", view_func=pieces)
    answer = app.test_client().get("/pieces", buffered=False)
    next(answer.iter_encoded())
    answer.close()
    assert (closed, [record.fields["bytes"] for record in caplog.records]) == ([True], [1])


def test_a_message_is_one_line_of_json_with_the_request_id(app):
    record = logging.LogRecord("web", logging.WARNING, __file__, 1, "two\nlines %s", ("ü\u2028",), None)
    with app.test_request_context(headers={"X-Request-ID": "a1"}):
        app.preprocess_request()
        text = logs.JsonFormatter().format(record)
    assert len(text.splitlines()) == 1
    line = json.loads(text)
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "warning", "logger": "web", "message": "two\nlines ü\u2028", "request_id": "a1"}


def test_an_error_is_logged_with_its_traceback(clock, caplog):
    create_app(Config(fault=Fault.BROKEN_ROOT), clock).test_client().get("/")
    (record,) = [record for record in caplog.records if record.exc_info]
    line = json.loads(logs.JsonFormatter().format(record))
    assert line["level"] == "error"
    assert line["exception"].endswith("RuntimeError: APP_FAULT is 'broken_root': the page fails.")


def test_requests_are_counted_and_timed_by_route_and_status(app):
    client = app.test_client()
    client.get("/version")
    client.get("/version")
    client.post("/version")
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    assert 'http_requests_total{route="/version",status="200"} 2.0' in answer.text
    assert 'http_requests_total{route="unmatched",status="405"} 1.0' in answer.text
    assert 'http_requests_total{route="unmatched",status="404"} 2.0' in answer.text
    assert 'http_request_duration_seconds_count{route="/version",status="200"} 2.0' in answer.text
    assert 'app_info{commit="unknown",environment="development",version="1.0.42"} 1.0' in answer.text
