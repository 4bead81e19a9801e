"""What is written for an environment's proxy to start with."""

from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils.front import Front

CONFIG = """
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
    made.prepare("")
    made.write_config(CONFIG)
    return made


def test_another_slot_gets_the_traffic_at_the_next_start_and_nothing_else_changes(front: Front) -> None:
    assert front.next_slot() == "blue"
    assert front.start_with("green")
    assert front.next_slot() == "green"
    assert front.start_with("blue")
    assert front.config() == CONFIG
    assert not front.start_with("blue")


def test_no_slot_gets_any_before_the_first_deployment(front: Front) -> None:
    front.start_with("")
    assert front.next_slot() == ""


def test_without_a_configuration_there_is_nothing_to_change(tmp_path: Path) -> None:
    assert Front(tmp_path).next_slot() is None
    assert not Front(tmp_path).start_with("blue")


def test_the_ports_that_are_opened(front: Front) -> None:
    assert front.ports() == {8081}


def test_a_certificate_stays_as_long_as_the_proxy_would_start_with_it(front: Front) -> None:
    secured = CONFIG.replace(":8081", ":8081 ssl crt /etc/slipway/tls.pem")
    front.prepare("certificate and key")
    front.write_config(secured)
    front.prepare("")
    front.forget_certificate()
    assert front.certificate_path.read_text() == "certificate and key"
    front.write_config(CONFIG)
    front.forget_certificate()
    assert not front.certificate_path.exists()


def test_the_maintenance_page_is_shown_from_the_start_or_not(front: Front) -> None:
    shown = front.with_page(True)
    assert shown == CONFIG.replace("127.0.0.1:1 disabled", "127.0.0.1:1")
    front.write_config(shown)
    assert front.with_page(True) == shown
    assert front.with_page(False) == CONFIG
