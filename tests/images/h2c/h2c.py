"""An application that speaks HTTP/2 in clear with prior knowledge, as servers of gRPC do, and nothing else.

``/health`` tells its version, ``/headers`` what it was asked, ``/large`` answers with a large header, ``/silent`` with
nothing. A POST to any path is a call that streams both ways: what arrives goes back at once, and the answer ends with
trailers. The variable APP_FAULT makes it unhealthy.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes

LARGE_HEADER = 20_000
Headers = list[tuple[str, str]]


class Connection(asyncio.Protocol):
    """One client.

    :param version: what it tells.
    :param fault: why it is not healthy; empty when it is.
    :param settings: settings of HTTP/2 that the client is told.
    :param connections: where it counts itself while it lasts.
    """

    def __init__(self, version: str, fault: str, settings: dict[int, int], connections: set[Connection]) -> None:
        self._version, self._fault, self._settings, self._connections = version, fault, settings, connections
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._waiting: dict[int, tuple[bytes, Headers | None]] = {}
        self._calls: set[int] = set()
        self._ends = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._connections.add(self)
        self._http.local_settings.update(self._settings)
        self._http.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._http.receive_data(data):
                self._handle(event)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        self._flush()
        self._close_when_done()

    def leave(self) -> None:
        """Take nothing new, and close when everything is answered."""
        self._ends = True
        self._http.close_connection()
        self._flush()
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self._ends and not self._calls and not self._waiting:
            self._transport.close()

    def _flush(self) -> None:
        self._transport.write(self._http.data_to_send())

    def _handle(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            self._answer(event.stream_id, list(event.headers))
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self._calls:
                self._send(event.stream_id, event.data, None)
        elif isinstance(event, StreamEnded) and event.stream_id in self._calls:
            self._calls.discard(event.stream_id)
            self._send(event.stream_id, b"", [("grpc-status", "0"), ("x-checksum", "end")])
        elif isinstance(event, StreamReset):
            self._calls.discard(event.stream_id)
            self._waiting.pop(event.stream_id, None)
        elif isinstance(event, WindowUpdated):
            for stream in list(self._waiting):
                self._send(stream, b"", None)
        elif isinstance(event, ConnectionTerminated):
            self._transport.close()

    def _answer(self, stream: int, headers: Headers) -> None:
        asked = dict(headers)
        path = asked[":path"].partition("?")[0]
        if asked[":method"] == "POST":
            self._calls.add(stream)
            self._http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
            return
        if path == "/silent":
            return
        told: dict[str, Any] = {"version": self._version, "headers": headers}
        extra = [("x-large", LARGE_HEADER * "x")] if path == "/large" else []
        status = "503" if path == "/health" and self._fault else "200"
        body = json.dumps(told).encode()
        about = [("content-type", "application/json"), ("content-length", str(len(body))), ("x-version", self._version)]
        self._http.send_headers(stream, [(":status", status), *about, *extra])
        self._send(stream, body, [])

    def _send(self, stream: int, data: bytes, trailers: Headers | None) -> None:
        """Send what the client has room for, and keep the rest; trailers end the stream, none at all leave it open."""
        before, kept = self._waiting.pop(stream, (b"", None))
        data, trailers = before + data, kept if trailers is None else trailers
        try:
            while data and (room := self._http.local_flow_control_window(stream)) > 0:
                part = min(room, self._http.max_outbound_frame_size, len(data))
                self._http.send_data(stream, data[:part])
                data = data[part:]
            if data:
                self._waiting[stream] = (data, trailers)
            elif trailers:
                self._http.send_headers(stream, trailers, end_stream=True)
            elif trailers is not None:
                self._http.end_stream(stream)
        except StreamClosedError:
            return


async def serve(
    host: str,
    port: int,
    version: str,
    fault: str = "",
    settings: dict[int, int] | None = None,
    connections: set[Connection] | None = None,
) -> asyncio.Server:
    """Listen; on the port 0 on any that is free."""
    held = set() if connections is None else connections
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(version, fault, settings or {}, held), host, port)


async def main() -> None:
    """Serve until SIGTERM, and then finish what was begun."""
    connections: set[Connection] = set()
    fault, port = os.environ.get("APP_FAULT", ""), int(os.environ.get("PORT", "8000"))
    limits = {SettingCodes.MAX_CONCURRENT_STREAMS: 100}
    server = await serve("0.0.0.0", port, os.environ["APP_VERSION"], fault, limits, connections)  # noqa: S104
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    server.close()
    for connection in list(connections):
        connection.leave()
    while connections:
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main())
