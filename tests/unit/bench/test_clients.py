"""One exchange of each kind with a server that fails in one way: what the client says about it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import stand_in
from aiohttp import web

from bench import clients
from bench.clients import Ask, Clients, Exchange

GOOD = '{"version": "1.0.1"}'
FAST: list[Callable[[Clients], Ask]] = [lambda own: own.on_kept_connection, lambda own: own.on_own_connection]
fast = pytest.mark.parametrize("kind", FAST, ids=["keepalive", "connection"])


def ask(url: str, *kinds: Callable[[Clients], Ask]) -> list[tuple[str, str]]:
    """Versions and troubles of exchanges, one after the other, with one persistent connection."""

    async def all_of_them() -> list[tuple[str, str]]:
        own, ended = Clients(url, connections=1), []
        for kind in kinds:
            exchange, trouble = Exchange(), ""
            try:
                async with asyncio.timeout(5):
                    await kind(own)(exchange)
            except Exception as error:
                trouble = clients.trouble(error)
            ended.append((exchange.version, trouble))
        await own.close()
        return ended

    return asyncio.run(all_of_them())


def websocket(own: Clients, seconds: float = 0.5) -> Ask:
    return own.websocket(seconds, lambda: False)


def stream(own: Clients) -> Ask:
    return own.stream(0.3)


def test_all_kinds_are_answered() -> None:
    with stand_in.server() as url:
        ended = ask(url, *FAST, lambda own: own.slow(0.1), websocket, stream)
    assert ended == [("1.0.1", "")] * 5


@pytest.mark.parametrize("kind", [*FAST, websocket, stream], ids=["keepalive", "connection", "websocket", "stream"])
def test_port_on_which_nothing_listens(kind: Callable[[Clients], Ask]) -> None:
    assert ask(stand_in.refusing(), kind) == [("", "refused")]


@pytest.mark.parametrize("kind", [*FAST, websocket, stream], ids=["keepalive", "connection", "websocket", "stream"])
def test_status_of_an_error(kind: Callable[[Clients], Ask]) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    with stand_in.server(dict.fromkeys(stand_in.HANDLERS, fail)) as url:
        assert ask(url, kind) == [("", "status 503")]


@fast
@pytest.mark.parametrize("content", ["", "[]", "{}", "Hello"])
def test_answer_without_a_version(kind: Callable[[Clients], Ask], content: str) -> None:
    async def version(request: web.Request) -> web.StreamResponse:
        return web.Response(text=content)

    with stand_in.server({"/version": version}) as url:
        assert ask(url, kind) == [("", "no version")]


@fast
@pytest.mark.parametrize("rst", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize(("sent", "trouble"), [(b"", "reset"), (stand_in.answer_text(GOOD, 99), "truncated")])
def test_connection_that_breaks(kind: Callable[[Clients], Ask], sent: bytes, trouble: str, rst: bool) -> None:
    async def break_it(reader: Any, writer: Any) -> None:
        await stand_in.read_request(reader)
        writer.write(sent)
        if rst:
            stand_in.reset(writer)

    with stand_in.raw_server(break_it) as url:
        assert ask(url, kind) == [("", trouble)]


def test_answer_that_is_no_http() -> None:
    async def chat(reader: Any, writer: Any) -> None:
        await stand_in.read_request(reader)
        writer.write(b"220 mail ready\r\n\r\n")

    with stand_in.raw_server(chat) as url:
        assert ask(url, *FAST) == [("", "garbled")] * 2


@pytest.mark.parametrize("rst", [False, True], ids=["FIN", "RST"])
def test_request_lost_on_a_persistent_connection_is_not_repeated(rst: bool) -> None:
    seen = []

    async def answer_once(reader: Any, writer: Any) -> None:
        await stand_in.read_request(reader)
        seen.append("answered")
        writer.write(stand_in.answer_text(GOOD))
        await stand_in.read_request(reader)
        seen.append("lost")
        if rst:
            stand_in.reset(writer)

    with stand_in.raw_server(answer_once) as url:
        ended = ask(url, *[FAST[0]] * 3)
    assert ended == [("1.0.1", ""), ("", "reset"), ("1.0.1", "")]
    assert seen == ["answered", "lost", "answered"]


def test_persistent_connection_that_was_closed_while_idle_is_opened_anew() -> None:
    noticed = threading.Semaphore(0)

    async def answer_once(reader: Any, writer: Any) -> None:
        await stand_in.read_request(reader)
        writer.write(stand_in.answer_text(GOOD))
        writer.write_eof()
        await reader.read()
        noticed.release()

    async def wait_until_noticed(exchange: Exchange) -> None:
        assert await asyncio.to_thread(noticed.acquire, timeout=5)

    kept = FAST[0]
    with stand_in.raw_server(answer_once) as url:
        assert ask(url, kept, lambda own: wait_until_noticed, kept) == [("1.0.1", ""), ("", ""), ("1.0.1", "")]


@pytest.mark.parametrize("last", ["", GOOD[:5], GOOD + "\n", '{"version": "1.0.1", "done": true}'])
def test_stream_without_its_last_line(last: str) -> None:
    async def end_early(request: web.Request) -> web.StreamResponse:
        return web.Response(text=f"{GOOD}\n{last}")

    with stand_in.server({"/stream": end_early}) as url:
        assert ask(url, stream) == [("1.0.1", "truncated")]


def test_stream_that_is_cut() -> None:
    async def cut(reader: Any, writer: Any) -> None:
        await stand_in.read_request(reader)
        writer.write(stand_in.answer_text(GOOD + "\n", 999))

    with stand_in.raw_server(cut) as url:
        assert ask(url, stream) == [("1.0.1", "truncated")]


def test_stream_from_two_versions() -> None:
    async def change(request: web.Request) -> web.StreamResponse:
        return web.Response(text='{"version": "1.0.1"}\n{"version": "1.0.2", "done": true}\n')

    with stand_in.server({"/stream": change}) as url:
        assert ask(url, stream) == [("1.0.1", "version 1.0.2 after 1.0.1")]


def talk(texts: int, end: Callable[[web.Request, web.WebSocketResponse], Any]) -> stand_in.Handlers:
    """A handler of a WebSocket that echoes some texts, then does something else."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(autoclose=False)
        await response.prepare(request)
        await response.send_json({"version": "1.0.1"})
        for _ in range(texts):
            await response.send_str(await response.receive_str())
        await end(request, response)
        return response

    return {"/ws": handle}


@pytest.mark.parametrize("texts", [0, 1])
@pytest.mark.parametrize("code", [1000, 1001])
def test_websocket_that_the_server_closes(texts: int, code: int) -> None:
    with stand_in.server(talk(texts, lambda _, response: response.close(code=code))) as url:
        assert ask(url, lambda own: websocket(own, 5)) == [("1.0.1", f"closed {code}")]


@pytest.mark.parametrize("texts", [0, 1])
@pytest.mark.parametrize("rst", [False, True], ids=["FIN", "RST"])
def test_websocket_that_is_cut(texts: int, rst: bool) -> None:
    async def cut(request: web.Request, response: web.WebSocketResponse) -> None:
        assert request.transport
        if rst:
            stand_in.reset(request.transport)
        request.transport.close()

    with stand_in.server(talk(texts, cut)) as url:
        assert ask(url, lambda own: websocket(own, 5)) == [("1.0.1", "reset")]


def test_websocket_with_another_echo() -> None:
    with stand_in.server(talk(1, lambda _, response: response.send_str("again"))) as url:
        assert ask(url, lambda own: websocket(own, 5)) == [("1.0.1", "echo")]


def test_websocket_is_closed_normally_after_its_lifetime() -> None:
    codes = []

    async def wait(request: web.Request, response: web.WebSocketResponse) -> None:
        codes.append((await response.receive()).data)
        await response.close()

    with stand_in.server(talk(1, wait)) as url:
        assert ask(url, lambda own: websocket(own, 0.1)) == [("1.0.1", "")]
    assert codes == [1000]


def test_websocket_whose_server_is_gone_instead_of_closing() -> None:
    async def cut(request: web.Request, response: web.WebSocketResponse) -> None:
        await response.receive()
        assert request.transport
        request.transport.close()

    with stand_in.server(talk(1, cut)) as url:
        assert ask(url, lambda own: websocket(own, 0.1)) == [("1.0.1", "reset")]
