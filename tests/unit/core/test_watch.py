"""One probe of a health check ends when its time is over, whatever is at the other end."""

from __future__ import annotations

import socket
import time

import pytest
from ansible_collections.slipway.core.plugins.module_utils.watch import fetch
from dripping_server import BEGINNINGS, dripping

SECONDS = 0.5
PAGE = {"bypass_file": None, "page": ""}
PARAMS = {"check": {"host": ""}, **PAGE, "timeout": SECONDS, "validate_certs": True, "ca_path": None}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_an_answer_that_drips_in_is_given_up_at_the_deadline(beginning: bytes) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with dripping(server, beginning):
        began = time.monotonic()
        answer = fetch(f"http://127.0.0.1:{server.getsockname()[1]}/health", PARAMS)
        assert SECONDS <= time.monotonic() - began < 4 * SECONDS
    assert answer == {"status": -1, "content": "", "msg": "not finished within 0.5 s"}


@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_that_is_quick_enough_is_told(status: int) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with dripping(server, b"HTTP/1.1 %d Told\r\nX-Version: 1\r\nContent-Length: 2\r\n\r\nok" % status):
        answer = fetch(f"http://127.0.0.1:{server.getsockname()[1]}/health", PARAMS)
    assert (answer["status"], answer["content"], answer["x_version"]) == (status, "ok", "1")
