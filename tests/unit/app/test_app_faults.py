"""Each fault breaks what it says, and nothing else; slow_start and wrong_port are seen in test_app_server."""

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
    ],
)
def test_what_answers_500_at_the_start(clock, fault, broken):
    found = statuses(create_app(Config(fault=fault), clock).test_client())
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
