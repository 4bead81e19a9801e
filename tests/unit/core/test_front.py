"""What is written for an environment's proxy to start with."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils import environment, host
from ansible_collections.slipway.core.plugins.module_utils import front as fronts
from ansible_collections.slipway.core.plugins.module_utils.front import Front

RUNNING = {"name": "proxy", "proxy": "1a2b3c4d", "running": True}
CONFIG = """
global
    description 0123456789abcdef

frontend public
    bind 0.0.0.0:8081

backend app
    server blue 127.0.0.1:18081 weight 100
    server green 127.0.0.1:28081 weight 0

backend candidate
    server blue 127.0.0.1:18081 disabled

backend maintenance
    server switch 127.0.0.1:1 disabled
"""


@pytest.fixture
def front(tmp_path: Path) -> Front:
    made = Front(tmp_path)
    made.prepare("", CONFIG)
    made.write_config(CONFIG)
    return made


def test_another_slot_gets_the_traffic_at_the_next_start_and_nothing_else_changes(front: Front) -> None:
    assert front.next_slot() == "blue"
    assert front.start_with("green")
    assert front.next_slot() == "green"
    assert front.start_with("blue")
    assert front.config() == CONFIG
    assert not front.start_with("blue")


SPOKEN = """
    server blue 127.0.0.1:18081 weight 100
    server blue-h2 127.0.0.1:18081 weight 100 proto h2 disabled
    server green 127.0.0.1:28081 weight 0
    server green-h2 127.0.0.1:28081 weight 0 proto h2 disabled
"""


def test_what_haproxy_speaks_with_a_slot_is_written_with_the_traffic(front: Front) -> None:
    assert front.protocols() == {"blue": "http1", "green": "http1"}
    front.write_config(SPOKEN)
    assert front.start_with("green", {"green": "h2"})
    assert (
        front.config()
        == """
    server blue 127.0.0.1:18081 weight 0
    server blue-h2 127.0.0.1:18081 weight 0 proto h2 disabled
    server green 127.0.0.1:28081 weight 100 disabled
    server green-h2 127.0.0.1:28081 weight 100 proto h2
"""
    )
    assert (front.next_slot(), front.protocols()) == ("green", {"blue": "http1", "green": "h2"})
    front.start_with("blue")
    assert front.protocols() == {"blue": "http1", "green": "h2"}
    front.start_with("blue", {"green": "http1"})
    assert front.config() == SPOKEN


def test_no_slot_gets_any_before_the_first_deployment(front: Front) -> None:
    front.start_with("")
    assert front.next_slot() == ""


def test_without_a_configuration_there_is_nothing_to_change(tmp_path: Path) -> None:
    assert Front(tmp_path).next_slot() is None
    assert not Front(tmp_path).start_with("blue")


def test_the_ports_that_are_opened(front: Front) -> None:
    assert front.ports() == {8081}


@contextmanager
def haproxy(front: Front, settings: str) -> Iterator[None]:
    """One that tells it runs with these settings, once."""
    lines = ["Name: HAProxy", "Pid: 8", *([f"description: {settings}"] if settings else []), "", ""]

    def answer() -> None:
        connection = server.accept()[0]
        with closing(connection):
            connection.recv(100)
            connection.sendall("\n".join(lines).encode())

    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(front.socket(RUNNING["proxy"]))
        server.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize(
    ("runs_with", "written", "loaded"),
    [
        ("0123456789abcdef", CONFIG, True),
        ("0123456789abcdef", CONFIG.replace("weight 100", "weight 0"), True),
        ("fedcba9876543210", CONFIG, False),
        # As an earlier version of the role has left it.
        ("", CONFIG, False),
        ("", CONFIG.replace("description", "node"), True),
    ],
)
def test_a_proxy_has_loaded_what_is_written_when_it_runs_with_these_settings(
    front: Front, runs_with: str, written: str, loaded: bool
) -> None:
    front.write_config(written)
    with haproxy(front, runs_with):
        assert fronts.loaded(front.folder.parent, [RUNNING]) is loaded


def test_a_proxy_that_does_not_run_loads_what_is_written_when_it_starts(front: Front) -> None:
    assert fronts.loaded(front.folder.parent, [{**RUNNING, "running": False}])


def test_a_port_on_which_our_proxy_listens_is_free_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "port_is_free", lambda *_: False)
    monkeypatch.setattr(host, "listener", lambda *_: "container proxy")
    for mine, free in ((("live", "proxy"), True), (("live",), False)):
        assert environment.port([], "127.0.0.1", 8081, mine, "deploy_port")["free"] is free


def secured(name: str) -> str:
    return CONFIG.replace(":8081\n", f":8081 ssl crt /etc/slipway/tls-{name}.pem alpn h2\n")


def certificates(front: Front) -> dict[str, str]:
    return {path.name: path.read_text() for path in front.folder.glob("tls*")}


def test_a_certificate_stays_as_long_as_the_proxy_would_start_with_it(front: Front) -> None:
    front.prepare("one, and its key", secured("1"))
    front.write_config(secured("1"))
    front.prepare("", CONFIG)
    front.forget_certificates()
    assert certificates(front) == {"tls-1.pem": "one, and its key"}
    front.write_config(CONFIG)
    front.forget_certificates()
    assert certificates(front) == {}


def test_a_configuration_in_use_keeps_its_certificate_while_another_one_is_prepared(front: Front) -> None:
    front.prepare("one", secured("1"))
    front.write_config(secured("1"))
    front.prepare("two", secured("2"))
    assert certificates(front) == {"tls-1.pem": "one", "tls-2.pem": "two"}
    front.forget_certificates()
    assert certificates(front) == {"tls-1.pem": "one"}


def test_the_maintenance_page_is_shown_from_the_start_or_not(front: Front) -> None:
    shown = front.with_page(True)
    assert shown == CONFIG.replace("127.0.0.1:1 disabled", "127.0.0.1:1")
    front.write_config(shown)
    assert front.with_page(True) == shown
    assert front.with_page(False) == CONFIG


def test_a_proxy_that_does_not_answer_does_not_run_while_an_earlier_one_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts, "START_SECONDS", 0)
    silent = {"proxy": "b", "running": True, "restart_policy": "unless-stopped"}
    serves = {**silent, "proxy": "a"}
    leaves = {**serves, "restart_policy": "no"}
    assert [it["running"] for it in fronts.answering(tmp_path, [silent, serves])] == [False, True]
    assert fronts.answering(tmp_path, [silent, leaves]) == [silent, leaves]
    assert fronts.answering(tmp_path, [silent]) == [silent]
