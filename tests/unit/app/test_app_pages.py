"""The page, the version, and both kinds of health."""

import pytest
from web import create_app
from web.config import Config

RELEASE = Config(version="1.0.42", commit="c0ffee", environment="staging")


@pytest.fixture
def app(clock):
    return create_app(RELEASE, clock)


@pytest.fixture
def client(app):
    return app.test_client()


def test_the_page_says_what_runs_and_for_how_long(client, clock):
    clock.now += 3 * 3600 + 62
    page = client.get("/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    for fact in ("1.0.42", "staging", "c0ffee", "3:01:02"):
        assert fact in page.text


def test_the_page_escapes_what_it_was_given(clock):
    page = create_app(Config(environment="<script>"), clock).test_client().get("/")
    assert "<script>" not in page.text


def test_version(client):
    assert client.get("/version").json == {"version": "1.0.42", "commit": "c0ffee", "environment": "staging"}


def test_ready(client):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ok",
        "version": "1.0.42",
        "commit": "c0ffee",
        "environment": "staging",
        "checks": {"ready": True},
    }


def _raises():
    raise ConnectionError("the database is away")


@pytest.mark.parametrize("check", [lambda: False, _raises])
def test_one_failing_check_makes_it_fail_and_leaves_it_alive(app, client, check):
    app.extensions["readiness"].add("database", check)
    answer = client.get("/health")
    assert answer.status_code == 500
    assert answer.json["status"] == "failing"
    assert answer.json["checks"] == {"ready": True, "database": False}
    assert client.get("/health/live").status_code == 200


def test_a_server_that_stops_is_unavailable_not_broken(app, client):
    app.extensions["readiness"].add("ready", lambda: False)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json["status"] == "failing"


def test_alive(client):
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
