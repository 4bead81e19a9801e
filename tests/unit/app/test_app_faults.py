"""Each fault breaks what it says, and nothing else; slow_start and wrong_port are seen in test_app_server."""

import time

import pytest
from web import create_app, faults
from web.config import Config, Fault


def statuses(client):
    return {path: client.get(path).status_code for path in ("/", "/health", "/health/live", "/version", "/metrics")}


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (Fault.NONE, set()),
        (Fault.UNHEALTHY, {"/health"}),
        (Fault.UNHEALTHY_AFTER, set()),
        (Fault.BROKEN_ROOT, {"/"}),
        (Fault.WRONG_PORT, set()),
        (Fault.ERRORS, {"/", "/version", "/metrics"}),
        (Fault.ERRORS_AFTER, set()),
        (Fault.LATENCY, set()),
    ],
)
def test_what_answers_500_at_the_start(clock, fault, broken):
    found = statuses(create_app(Config(fault=fault, fault_seconds=0.01, fault_share=1), clock).test_client())
    assert {path for path, status in found.items() if status == 500} == broken
    assert {status for path, status in found.items() if path not in broken} == {200}


def test_unhealthy_after_a_time(clock):
    client = create_app(Config(fault=Fault.UNHEALTHY_AFTER, fault_seconds=3), clock).test_client()
    clock.now += 2.9
    assert client.get("/health").status_code == 200
    clock.now += 0.1
    answer = client.get("/health")
    assert answer.status_code == 500
    assert answer.json["status"] == "failing"
    assert answer.json["checks"]["fault"] is False


@pytest.mark.parametrize("share", [0, 0.2, 0.29, 0.5, 1])
def test_errors_fail_their_share(clock, share):
    client = create_app(Config(fault=Fault.ERRORS, fault_share=share), clock).test_client()
    found = []
    for _ in range(100):
        found.append(client.get("/version").status_code)
        assert client.get("/health").status_code == 200
    assert abs(found.count(500) - 100 * share) < 1.5
    assert found.count(200) == 100 - found.count(500)


def test_by_default_every_fifth_fails_and_says_why(clock):
    client = create_app(Config(fault=Fault.ERRORS), clock).test_client()
    answers = [client.get("/version") for _ in range(10)]
    assert [answer.status_code for answer in answers] == 2 * [200, 200, 200, 200, 500]
    assert answers[4].json == {"error": "APP_FAULT is 'errors': this request is one of those that fail."}


def test_errors_after_a_time(clock):
    client = create_app(Config(fault=Fault.ERRORS_AFTER, fault_seconds=3, fault_share=0.5), clock).test_client()
    clock.now += 2.9
    assert {client.get("/version").status_code for _ in range(5)} == {200}
    clock.now += 0.1
    assert [client.get("/version").status_code for _ in range(4)] == [200, 500, 200, 500]
    assert client.get("/health").status_code == client.get("/health/live").status_code == 200


def test_latency_delays_all_but_health(clock, monkeypatch):
    delays = []
    monkeypatch.setattr(time, "sleep", delays.append)
    client = create_app(Config(fault=Fault.LATENCY, fault_seconds=7), clock).test_client()
    found = {}
    for path in ("/", "/version", "/nowhere", "/health", "/health/live"):
        client.get(path)
        found[path] = delays.copy()
        delays.clear()
    assert found == {"/": [7], "/version": [7], "/nowhere": [7], "/health": [], "/health/live": []}



def test_only_the_wrong_port_moves_the_port():
    assert {fault: faults.listening_port(Config(port=8000, fault=fault)) for fault in Fault} == {
        fault: 8001 if fault is Fault.WRONG_PORT else 8000 for fault in Fault
    }


def test_exit_ends_with_a_sentence(caplog):
    with pytest.raises(SystemExit) as ended:
        faults.before_listening(Config(fault=Fault.EXIT))
    assert ended.value.code == 1
    assert caplog.messages == ["APP_FAULT is 'exit': this release ends at start."]


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in (Fault.EXIT, Fault.SLOW_START)])
def test_the_others_start(fault):
    faults.before_listening(Config(fault=fault))
