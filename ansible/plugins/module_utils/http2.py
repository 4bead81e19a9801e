"""One request of HTTP/2 in clear, with prior knowledge (RFC 9113, section 3.3), as a health check needs it.

The standard library has no HTTP/2, and servers of gRPC speak nothing else.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from email.message import Message
from typing import List, Mapping, Tuple
from urllib.parse import urlsplit

from ansible_collections.slipway.core.plugins.module_utils import hpack

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PUSH_PROMISE = 0, 1, 3, 4, 5
_PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 1, 1, 4, 8, 32
_ENABLE_PUSH, _INITIAL_WINDOW = 2, 4
# The only stream, the room for its answer, and the largest frame, which is that of a client that asks for no other.
_STREAM, _ROOM, _LARGEST_FRAME = 1, 1 << 20, 1 << 14
_DEFAULT_WINDOW = 65535
_MOST_HEADERS = 1 << 18
_ERRORS = (
    *("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"),
    *("FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"),
    *("INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"),
)


class Http2Error(Exception):
    """What answers does not do so as HTTP/2 has it."""


@dataclass(frozen=True)
class Answer:
    """A final answer; ``content`` is its beginning where it is longer than what was asked for."""

    code: int
    headers: Message
    content: bytes


def get(url: str, headers: Mapping[str, str], timeout: float, most: int) -> Answer:
    """Ask a URL of the scheme http.

    :param headers: a Host among them is the authority that is asked for.
    :param timeout: seconds that any one part of the answer may take.
    :param most: octets of the content that are read.
    :raises Http2Error, OSError: there is no answer.
    """
    parts = urlsplit(url)
    named = {name.lower(): value for name, value in headers.items()}
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    authority = named.pop("host", parts.netloc.rpartition("@")[2])
    fixed = {":method": "GET", ":scheme": "http", ":authority": authority, ":path": path, "user-agent": "slipway"}
    with socket.create_connection((parts.hostname, parts.port or 80), timeout) as connection:
        return _Exchange(connection, most).ask(list({**fixed, **named}.items()))


def is_answer(beginning: bytes) -> bool:
    """Whether what a server said first is how one of HTTP/2 begins: with its settings."""
    return len(beginning) >= 4 and beginning[3] == _SETTINGS and beginning[:2] == b"\0\0"


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


def _error(code: bytes) -> str:
    number = int.from_bytes(code, "big")
    return _ERRORS[number] if number < len(_ERRORS) else str(number)


class _Exchange:
    """One request on a connection of its own, and what comes back.

    :param most: octets of the content that are read.
    """

    def __init__(self, connection: socket.socket, most: int) -> None:
        self._connection, self._most = connection, most
        self._decoder = hpack.Decoder()
        self._code = 0
        self._headers = Message()
        self._content = bytearray()
        self._ended = False

    def ask(self, headers: List[Tuple[str, str]]) -> Answer:
        """Send the request, and read until the answer has ended."""
        settings = b"".join(
            name.to_bytes(2, "big") + value.to_bytes(4, "big")
            for name, value in ((_ENABLE_PUSH, 0), (_INITIAL_WINDOW, _ROOM))
        )
        room = (_ROOM - _DEFAULT_WINDOW).to_bytes(4, "big")
        request = _frame(_HEADERS, _END_STREAM | _END_HEADERS, _STREAM, hpack.encode(headers))
        self._connection.sendall(
            _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, room) + request
        )
        self._first()
        while not self._ended and len(self._content) < self._most:
            self._take(*self._next())
        return Answer(self._code, self._headers, bytes(self._content[: self._most]))

    def _first(self) -> None:
        """A server begins with its settings."""
        beginning = self._read(9, "before it began")
        if not is_answer(beginning):
            raise Http2Error("it does not answer in HTTP/2 without TLS, which deploy_protocol: h2 says it speaks")
        self._take(*self._content_of(beginning))

    def _read(self, length: int, when: str = "before its answer had ended") -> bytes:
        parts: List[bytes] = []
        while length:
            part = self._connection.recv(length)
            if not part:
                raise Http2Error(f"the connection was closed {when}")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _next(self) -> Tuple[int, int, int, bytes]:
        return self._content_of(self._read(9))

    def _content_of(self, head: bytes) -> Tuple[int, int, int, bytes]:
        """Kind, flags, stream and content of a frame."""
        length = int.from_bytes(head[:3], "big")
        if length > _LARGEST_FRAME:
            raise Http2Error(f"a frame has {length} octets, and {_LARGEST_FRAME} are allowed")
        return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, self._read(length)

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind in (_PUSH_PROMISE, _CONTINUATION):
            raise Http2Error(f"a frame of kind {kind} where there is none")
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            self._connection.sendall(_frame(kind, _ACK, 0, content if kind == _PING else b""))
        elif kind == _GOAWAY and int.from_bytes(content[:4], "big") & 0x7FFFFFFF < _STREAM:
            raise Http2Error(f"it closes the connection without an answer: {_error(content[4:8])}")
        elif stream != _STREAM:
            return
        elif kind == _RST_STREAM:
            if not self._code:
                raise Http2Error(f"it broke off without an answer: {_error(content)}")
            raise Http2Error(f"it broke its answer off: {_error(content)}")
        elif kind == _HEADERS:
            self._take_headers(flags, content)
        elif kind == _DATA:
            if not self._code:
                raise Http2Error("its content comes before its status")
            self._content += _plain(flags, content)
            self._ended = bool(flags & _END_STREAM)

    def _take_headers(self, flags: int, content: bytes) -> None:
        """Of an interim answer, of the final one, or its trailers."""
        block = _plain(flags, content)[5 if flags & _PRIORITY else 0 :]
        more = flags
        while not more & _END_HEADERS:
            kind, more, stream, further = self._next()
            if (kind, stream) != (_CONTINUATION, _STREAM) or len(block) + len(further) > _MOST_HEADERS:
                raise Http2Error("the headers do not end")
            block += further
        try:
            found = self._decoder.decode(block)
        except ValueError as error:
            raise Http2Error(f"its headers cannot be read: {error}") from error
        if not self._code:
            self._begin(found)
        self._ended = bool(flags & _END_STREAM)

    def _begin(self, found: List[Tuple[str, str]]) -> None:
        status = dict(found).get(":status", "")
        if not (len(status) == 3 and status.isascii() and status.isdigit()):
            raise Http2Error(f"its status is {status!r}")
        if status.startswith("1"):
            return
        self._code = int(status)
        for name, value in found:
            if not name.startswith(":"):
                self._headers[name] = value


def _plain(flags: int, content: bytes) -> bytes:
    """What a frame holds beside what fills it up."""
    if not flags & _PADDED:
        return content
    if not content or content[0] >= len(content):
        raise Http2Error("a frame is filled up with more than it has")
    return content[1 : len(content) - content[0]]
