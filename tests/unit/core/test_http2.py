"""The one request of HTTP/2 that a health check makes, against the library h2 and against whatever else answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import hpack, http2
from ansible_collections.slipway.core.plugins.module_utils.watch import Watch, fetch
from hpack import Decoder, Encoder
from hyperframe import frame as frames
from hypothesis import given
from hypothesis import strategies as st

from tests import h2_application

WORDS = st.text(st.characters(max_codepoint=255, exclude_characters="\0\r\n"), max_size=40)
NAMES = st.text("abcxyz-", min_size=1, max_size=12) | st.sampled_from([":status", "server", "cookie", "set-cookie"])
BLOCKS = st.lists(st.lists(st.tuples(NAMES, WORDS), max_size=8), max_size=5)
PARAMS: dict[str, Any] = {"bypass_file": None, "page": "", "timeout": 5, "validate_certs": True, "ca_path": None}
SETTINGS = frames.SettingsFrame(0).serialize()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with h2_application.application("1.0.3") as number:
        yield number


def checked(port: int, version: str = "1.0.3", **check: Any) -> dict[str, Any]:
    """The verdict of a health check."""
    asked = {"path": "/health", "statuses": [200], "host": "", "protocol": "h2", "smoke_paths": [], **check}
    source = {"version_source": "json", "version_key": "version"}
    more = {"version": version, "passes": 2, "interval": 0, "deadline": 0.5, "hold": 0}
    return Watch({**PARAMS, **more, "url": f"http://127.0.0.1:{port}", "check": {**source, **asked}}).run()


@contextlib.contextmanager
def saying(octets: bytes) -> Iterator[int]:
    """The port of a server that says this to its first client, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection = server.accept()[0]
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(octets)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def told(octets: bytes) -> dict[str, Any]:
    """What a probe makes of what a server says."""
    with saying(octets) as port:
        check = {"host": "", "protocol": "h2"}
        return fetch(f"http://127.0.0.1:{port}/health", {**PARAMS, "check": check})


def headers(*pairs: tuple[str, str], flags: tuple[str, ...] = ("END_HEADERS",)) -> bytes:
    return bytes(frames.HeadersFrame(1, Encoder().encode(pairs), flags=flags).serialize())


def test_an_application_that_speaks_nothing_else_proves_itself(port: int) -> None:
    assert checked(port)["healthy"]
    assert checked(port, version_source="header", version_key="X-Version")["healthy"]
    assert checked(port, path="/large", smoke_paths=["/headers"])["healthy"]
    assert "version 1.0.3 answers instead of 1.0.4" in checked(port, "1.0.4")["msg"]


def test_it_is_asked_what_others_are(port: int) -> None:
    answer = fetch(f"http://127.0.0.1:{port}/headers?a=1", {**PARAMS, "check": {"host": "x.test", "protocol": "h2"}})
    assert '[":authority", "x.test"]' in answer["content"]
    assert '[":path", "/headers?a=1"]' in answer["content"]
    assert '["cache-control", "no-cache"]' in answer["content"]


def test_one_that_is_not_healthy_is_convicted() -> None:
    with h2_application.application("1.0.3", "unhealthy") as port:
        assert "status 503" in checked(port)["msg"]


def test_who_speaks_another_protocol_than_was_said_is_told_so(port: int) -> None:
    assert "set deploy_protocol: h2" in checked(port, protocol="http1")["msg"]
    answer = told(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    assert "does not answer in HTTP/2" in answer["msg"]


def test_an_answer_is_read_however_it_is_cut_up() -> None:
    encoder = Encoder()
    interim = encoder.encode([(":status", "103"), ("link", "x")])
    block = encoder.encode([(":status", "200"), ("link", "x"), ("x-version", "1"), ("x-version", "2")])
    trailers = encoder.encode([("grpc-status", "0")])
    parts = [
        frames.PingFrame(0, b"12345678"),
        frames.WindowUpdateFrame(0, 1000),
        frames.HeadersFrame(3, b"", flags=("END_HEADERS",)),
        frames.HeadersFrame(1, interim, flags=("END_HEADERS",)),
        frames.HeadersFrame(1, block[:3], flags=("PADDED", "PRIORITY"), pad_length=5),
        frames.ContinuationFrame(1, block[3:5]),
        frames.ContinuationFrame(1, block[5:], flags=("END_HEADERS",)),
        frames.DataFrame(1, b"one ", flags=("PADDED",), pad_length=200),
        frames.DataFrame(1, b"two"),
        frames.GoAwayFrame(0, last_stream_id=1),
        frames.HeadersFrame(1, trailers, flags=("END_HEADERS", "END_STREAM")),
    ]
    of_another_time = b"\0\0\1\xc8\0\0\0\0\1x"
    answer = told(SETTINGS + of_another_time + b"".join(it.serialize() for it in parts))
    assert (answer["status"], answer["content"], answer["msg"]) == (200, "one two", "")
    assert answer["x_version"] == "2"
    assert "grpc_status" not in answer


OK = headers((":status", "200"))
BROKEN = {
    "nothing": (b"", "the connection was closed before it began"),
    "not HTTP": (b"220 mail.example ESMTP\r\n", "does not answer in HTTP/2"),
    "settings alone": (SETTINGS, "the connection was closed before its answer had ended"),
    "half an answer": (SETTINGS + OK, "the connection was closed before its answer had ended"),
    "a refusal": (SETTINGS + frames.GoAwayFrame(0, 0, 11).serialize(), "without an answer: ENHANCE_YOUR_CALM"),
    "a reset": (SETTINGS + frames.RstStreamFrame(1, 2).serialize(), "without an answer: INTERNAL_ERROR"),
    "a late reset": (SETTINGS + OK + frames.RstStreamFrame(1, 8).serialize(), "broke its answer off: CANCEL"),
    "no status": (SETTINGS + headers(("server", "x")), "its status is ''"),
    "content first": (SETTINGS + frames.DataFrame(1, b"x").serialize(), "its content comes before its status"),
    "no headers": (SETTINGS + frames.HeadersFrame(1, b"\xff", flags=("END_HEADERS",)).serialize(), "cannot be read"),
    "headers without end": (SETTINGS + headers(flags=()) + OK, "the headers do not end"),
    "a large frame": (SETTINGS + frames.DataFrame(1, b"x" * 16385).serialize(), "16385 octets"),
    "a frame filled up": (SETTINGS + OK + b"\0\0\1\0\x08\0\0\0\1\x09", "filled up"),
    "a push": (SETTINGS + frames.PushPromiseFrame(1, 2, flags=("END_HEADERS",)).serialize(), "where there is none"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_none_and_says_why(name: str) -> None:
    octets, reason = BROKEN[name]
    answer = told(octets)
    assert answer["status"] == -1
    assert reason in answer["msg"]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([it[0] for it in BROKEN.values()])))
def test_whatever_a_server_says_there_is_an_answer_or_a_reason(parts: list[bytes]) -> None:
    answer = told(SETTINGS + b"".join(parts))
    assert answer["status"] > 0 or answer["msg"]


@given(BLOCKS, st.booleans())
def test_headers_are_read_as_the_library_writes_them(blocks: list[list[tuple[str, str]]], huffman: bool) -> None:
    encoder, decoder = Encoder(), hpack.Decoder()
    for block in blocks:
        octets = [(name.encode(), value.encode("iso-8859-1")) for name, value in block]
        assert decoder.decode(encoder.encode(octets, huffman)) == block


@given(st.lists(st.tuples(NAMES, WORDS), max_size=8))
def test_headers_are_written_as_the_library_reads_them(block: list[tuple[str, str]]) -> None:
    decoded = Decoder().decode(hpack.encode(block))
    assert [(name, value) for name, value in decoded] == block


def test_what_is_longer_than_was_asked_for_is_cut_off(port: int) -> None:
    answer = http2.get(f"http://127.0.0.1:{port}/health", {}, 5, 10)
    assert answer.content == b'{"version"'
