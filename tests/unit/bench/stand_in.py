"""A server on the loopback that answers what a load sends, or fails as it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

VERSION = "1.0.1"
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Handlers = dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]


async def answer(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(float(request.query.get("s", "0")))
    return web.json_response({"version": VERSION})


async def lines(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for position in range(3):
        done = {"done": True} if position == 2 else {}
        await response.write(json.dumps({"version": VERSION, **done}).encode() + b"\n")
        await asyncio.sleep(float(request.query["s"]) / 3)
    return response


async def echo(request: web.Request) -> web.StreamResponse:
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_json({"version": VERSION})
    async for message in response:
        await response.send_str(message.data)
    return response


HANDLERS: Handlers = {"/version": answer, "/slow": answer, "/stream": lines, "/ws": echo}


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _in(loop: asyncio.AbstractEventLoop, doing: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(doing, loop).result(10)


@contextmanager
def server(handlers: Handlers | None = None) -> Iterator[str]:
    """The URL of a good server, but for the handlers given."""
    application = web.Application()
    application.add_routes([web.get(path, handler) for path, handler in {**HANDLERS, **(handlers or {})}.items()])

    async def start() -> web.AppRunner:
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    with _loop() as loop:
        runner = _in(loop, start())
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            _in(loop, runner.cleanup())


@contextmanager
def raw_server(handle: Handle) -> Iterator[str]:
    """The URL of a server that does with each connection what ``handle`` does, and closes it then."""

    async def handle_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handle(reader, writer)
        writer.close()

    with _loop() as loop:
        listening = _in(loop, asyncio.start_server(handle_and_close, "127.0.0.1", 0))
        try:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(listening.close)


async def read_request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")


def answer_text(content: str, length: int | None = None) -> bytes:
    """An answer of HTTP/1.1, which may claim more content than it has."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length or len(content)}\r\n\r\n{content}".encode()


def reset(connection: asyncio.StreamWriter | asyncio.Transport) -> None:
    """Make the close of a connection send RST."""
    linger = struct.pack("ii", 1, 0)
    connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def refusing() -> str:
    """The URL of a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"
