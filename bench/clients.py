"""HTTP clients of several kinds, which tell precisely how a request failed."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

CONNECTIONS = 20
ADDRESSES = 20
TEXT_INTERVAL = 0.2
ANSWER_SECONDS = 10.0
RESETS = {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE}


class BadAnswer(Exception):
    """An answer that is none; the message is the trouble."""


@dataclass
class Exchange:
    """A request that is under way.

    :param on_answer: called once, when the version is known, which may be long before the end.
    """

    on_answer: Callable[[], None] = lambda: None
    version: str = ""

    def answer(self, content: str | bytes) -> dict[str, object]:
        """Take the version from a JSON object; raises BadAnswer without one, or if it is not the one before."""
        try:
            answer: dict[str, object] = json.loads(content)
            version = str(answer["version"])
        except (ValueError, KeyError, TypeError):
            raise BadAnswer("no version") from None
        if not self.version:
            self.version = version
            self.on_answer()
        elif version != self.version:
            raise BadAnswer(f"version {version} after {self.version}")
        return answer


Ask = Callable[[Exchange], Awaitable[None]]


def trouble(error: Exception) -> str:
    """What kind of trouble an exception of a client is; raises it again when it is no failure of a request."""
    if isinstance(error, BadAnswer):
        return str(error)
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"status {error.status}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "truncated"
    if isinstance(error, aiohttp.ClientResponseError):
        return "garbled"
    if isinstance(error, OSError | aiohttp.ClientConnectionError):
        number: int | None = getattr(error, "errno", None)
        if number is None or number in RESETS:
            return "reset"
        known = {errno.ECONNREFUSED: "refused", errno.ETIMEDOUT: "timeout"}
        return known.get(number) or errno.errorcode.get(number, f"error {number}")
    raise error


class Clients:
    """Clients of one server, to be made within a running loop and closed at the end.

    Each coroutine is one exchange, and raises what :func:`trouble` understands. None limits its whole time.

    :param url: of the server, without a path.
    """

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self._url = url.rstrip("/")
        self._addresses = itertools.cycle(f"198.18.0.{number}" for number in range(1, ADDRESSES + 1))
        self._single = _session(aiohttp.TCPConnector(limit=0, force_close=True))
        # One session for each connection, since a single pool would open no more than are busy at the same time.
        self._all = [_session(aiohttp.TCPConnector(limit=1, keepalive_timeout=60)) for _ in range(connections)]
        self._idle = deque(self._all)

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._single, *self._all):
            await session.close()

    @property
    def idle(self) -> bool:
        """Whether a persistent connection is free for :meth:`on_kept_connection`."""
        return bool(self._idle)

    async def on_kept_connection(self, exchange: Exchange) -> None:
        """GET /version on the persistent connection that has been idle longest; raises IndexError when none is idle."""
        session = self._idle.popleft()
        try:
            await self._get(session, "/version", exchange)
        finally:
            self._idle.append(session)

    async def on_own_connection(self, exchange: Exchange) -> None:
        """GET /version on a connection of its own."""
        await self._get(self._single, "/version", exchange)

    def slow(self, seconds: float) -> Ask:
        """An exchange whose answer takes the server that many seconds."""
        return lambda exchange: self._get(self._single, f"/slow?s={seconds:g}", exchange)

    def stream(self, seconds: float) -> Ask:
        """An exchange whose answer comes in lines for that many seconds."""

        async def ask(exchange: Exchange) -> None:
            done: object = False
            async with self._single.get(f"{self._url}/stream?s={seconds:g}", allow_redirects=False) as response:
                _check_status(response)
                async for line in response.content:
                    if not line.endswith(b"\n") or done:
                        break
                    done = exchange.answer(line).get("done", False)
            if done is not True:
                raise BadAnswer("truncated")

        return ask

    def websocket(self, seconds: float, over: Callable[[], bool]) -> Ask:
        """An exchange of texts on a WebSocket, which is closed after that many seconds, or before when ``over``."""

        async def ask(exchange: Exchange) -> None:
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            async with asyncio.timeout(ANSWER_SECONDS):
                opened = await self._single.ws_connect(f"{self._url}/ws")
            async with opened as socket:
                texts = _Texts(socket)
                exchange.answer(await texts.next())
                for number in itertools.count():
                    due = min(loop.time() + TEXT_INTERVAL, end)
                    await texts.send(str(number))
                    if await texts.next() != str(number):
                        raise BadAnswer("echo")
                    await texts.none_until(due)
                    if loop.time() >= end or over():
                        break
            if socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE:
                raise BadAnswer("reset")

        return ask

    async def _get(self, session: aiohttp.ClientSession, path: str, exchange: Exchange) -> None:
        # Behind a proxy that trusts this machine these are many clients, as a verdict needs them.
        headers = {"X-Forwarded-For": next(self._addresses)}
        async with session.get(self._url + path, headers=headers, allow_redirects=False) as response:
            content = await response.read()
            _check_status(response)
            exchange.answer(content)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
    )
    # aiohttp sends a GET once more when a persistent connection breaks, and offers no public way to learn of it.
    session._retry_connection = False
    return session


def _check_status(response: aiohttp.ClientResponse) -> None:
    if response.status != 200:
        raise BadAnswer(f"status {response.status}")


class _Texts:
    """The texts of a WebSocket. One is awaited all the time, so that a close by the server is answered at once."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._awaited = asyncio.ensure_future(socket.receive())

    async def send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except aiohttp.ClientConnectionError:
            # A close that came before the connection broke tells more.
            await self.next()
            raise

    async def next(self) -> str:
        """The next text; raises BadAnswer when the server closes, TimeoutError when nothing comes."""
        # Not the time-out of receive(), after which aiohttp takes the connection for broken.
        if not (await asyncio.wait({self._awaited}, timeout=ANSWER_SECONDS))[0]:
            raise TimeoutError
        return self._text()

    async def none_until(self, due: float) -> None:
        """Wait until that time of the loop; raises BadAnswer when something comes before."""
        if (await asyncio.wait({self._awaited}, timeout=due - asyncio.get_running_loop().time()))[0]:
            self._text()
            raise BadAnswer("echo")

    def _text(self) -> str:
        message = self._awaited.result()
        if message.type is aiohttp.WSMsgType.CLOSE:
            raise BadAnswer(f"closed {message.data}")
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise BadAnswer("reset")
        self._awaited = asyncio.ensure_future(self._socket.receive())
        return str(message.data)
