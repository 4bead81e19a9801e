"""A client of HTTP/2, in clear with prior knowledge or over TLS, one thing after the other."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived

DEADLINE = 15
Headers = list[tuple[str, str]]
GRPC = ("content-type", "application/grpc")


class Stream:
    """One request, and what has come back so far."""

    def __init__(self, client: Client, number: int) -> None:
        self._client, self._number = client, number
        self.headers: dict[str, str] = {}
        self.trailers: dict[str, str] = {}
        self.content = b""
        self.ended = self.reset = False

    @property
    def status(self) -> int:
        """That of the answer; 0 before it has begun."""
        return int(self.headers.get(":status", 0))

    def send(self, data: bytes, last: bool = False) -> None:
        """Send a part of the request's content."""
        self._client.http.send_data(self._number, data, end_stream=last)
        self._client.flush()

    def until(self, holds: Callable[[], Any]) -> None:
        """Read until a condition holds, or nothing follows."""
        while not holds() and not (self.ended or self.reset):
            self._client.read()

    def whole(self) -> Stream:
        """The same, when it has ended."""
        self.until(lambda: False)
        return self


class Client:
    """One connection.

    :param context: how TLS is spoken; none for a connection in clear.
    """

    def __init__(self, port: int, context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection((address, port), DEADLINE)
        self._scheme = "https" if context else "http"
        if context:
            context.set_alpn_protocols(["h2", "http/1.1"])
            secured = context.wrap_socket(self._socket, server_hostname=address)
            assert secured.selected_alpn_protocol() == "h2"
            self._socket = secured
        self._streams: dict[int, Stream] = {}
        self.http = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.http.initiate_connection()
        self.flush()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._socket.close()

    def ask(self, path: str, *headers: tuple[str, str], method: str = "GET", open_ended: bool = False) -> Stream:
        """Begin a request, which goes on where its end is open."""
        number = self.http.get_next_available_stream_id()
        made = self._streams[number] = Stream(self, number)
        fixed = [(":method", method), (":scheme", self._scheme), (":authority", "localhost"), (":path", path)]
        self.http.send_headers(number, [*fixed, *headers], end_stream=not open_ended)
        self.flush()
        return made

    def call(self, path: str) -> Stream:
        """Begin a call of gRPC."""
        return self.ask(path, GRPC, ("te", "trailers"), method="POST", open_ended=True)

    def flush(self) -> None:
        """Send what is to be sent."""
        self._socket.sendall(self.http.data_to_send())

    def read(self) -> None:
        """Take what comes next."""
        data = self._socket.recv(65536)
        assert data, "the connection was closed"
        for event in self.http.receive_data(data):
            stream = self._streams.get(getattr(event, "stream_id", None) or 0)
            if stream is None:
                continue
            if isinstance(event, ResponseReceived):
                stream.headers = dict(event.headers)
            elif isinstance(event, TrailersReceived):
                stream.trailers = dict(event.headers)
            elif isinstance(event, DataReceived):
                stream.content += event.data
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                stream.ended = True
            elif isinstance(event, StreamReset):
                stream.reset = True
        self.flush()
