"""What one client can take of the front, and what is left for the others."""

from __future__ import annotations

import contextlib
import http.client
import resource
import threading
from collections.abc import Iterator

import pytest

from bench.prober import Prober, summary
from tests.lone_clients import GREEDY, OTHER, ask, begins, half, held, until
from tests.lone_front import FEW, Application, LoneFront, Start

HALF_OPEN = 4100


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open some more files than usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * HALF_OPEN), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: x\r\n", b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"]
)
def test_half_requests_of_one_address_harm_no_other(plain: LoneFront, sent: bytes) -> None:
    with Prober(f"http://127.0.0.1:{plain.port}/") as prober, contextlib.ExitStack() as stack:
        for connection in half(plain, HALF_OPEN, sent, GREEDY):
            stack.enter_context(connection)
        asked = len(prober.answers())
        until(lambda: len(prober.answers()) > asked + 20, "nobody else is answered")
    assert [answer for answer in prober.answers() if answer.trouble] == [], summary(prober.answers())


def test_one_client_has_no_more_connections_than_its_share(limited: LoneFront, behind: LoneFront) -> None:
    for front, expected in ((limited, FEW["proxy_client_connections"]), (behind, 20)):
        connections = half(front, 20, b"GET", GREEDY)
        until(lambda: held(connections) == expected, f"{held(connections)} instead of {expected} connections")  # noqa: B023
        assert ask(front)[0] == http.HTTPStatus.OK
        for connection in connections:
            connection.close()


def test_the_application_does_not_see_a_body_that_drips_in(
    limited: LoneFront, applications: tuple[Application, Application]
) -> None:
    for kind in (b"Content-Length: 9\r\n\r\n1", b"Transfer-Encoding: chunked\r\n\r\n9\r\n1"):
        (connection,) = half(limited, 1, b"POST /drips HTTP/1.1\r\nHost: x\r\n" + kind, OTHER)
        with contextlib.closing(connection):
            assert connection.recv(100).startswith(b"HTTP/1.1 408")
    assert "/drips" not in applications[0].paths


def test_an_upgrade_does_not_wait_for_a_body(limited: LoneFront, applications: tuple[Application, Application]) -> None:
    request = (
        b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    (connection,) = half(limited, 1, request, OTHER)
    with contextlib.closing(connection):
        until(lambda: "/ws" in applications[0].paths, "/ws does not arrive")


def test_requests_of_one_client_are_counted_also_behind_a_trusted_proxy(
    limited: LoneFront, behind: LoneFront, applications: tuple[Application, Application]
) -> None:
    live = applications[0]
    greedy, other = ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "198.51.100.2, 203.0.113.9")
    for front, source, mine, others in (
        (limited, GREEDY, (), ((), OTHER)),
        (behind, GREEDY, (greedy,), ((other,), GREEDY)),
    ):
        before = live.paths.count("/slow")
        threads = [
            threading.Thread(target=ask, args=(front, *mine), kwargs={"path": "/slow", "source": source})
            for _ in range(3)
        ]
        live.go.clear()
        for thread in threads:
            thread.start()
        until(lambda: live.paths.count("/slow") == before + 3, "the slow requests do not arrive")  # noqa: B023
        try:
            assert ask(front, *mine, source=source)[0] == http.HTTPStatus.TOO_MANY_REQUESTS
            assert ask(front, *others[0], source=others[1])[0] == http.HTTPStatus.OK
        finally:
            live.go.set()
        for thread in threads:
            thread.join()
        assert ask(front, *mine, source=source)[0] == http.HTTPStatus.OK


def test_requests_and_connections_in_ten_seconds_are_counted(start: Start) -> None:
    front = start(proxy_client_request_rate=5)
    assert [ask(front, source=GREEDY)[0] for _ in range(6)] == [*5 * [200], http.HTTPStatus.TOO_MANY_REQUESTS]
    assert ask(front)[0] == http.HTTPStatus.OK
    front = start(proxy_client_connection_rate=5)
    for _ in range(5):
        assert ask(front, source=GREEDY)[0] == http.HTTPStatus.OK
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(front, source=GREEDY)
    assert ask(front)[0] == http.HTTPStatus.OK


def test_a_network_of_ipv6_is_one_client_and_addresses_of_ipv4_are_not(start: Start) -> None:
    """A port of both families shows addresses of IPv4 as some of IPv6."""
    front = start(deploy_bind="::", proxy_client_connections=3, proxy_client_requests=1)
    connections = half(front, 5, b"GET", GREEDY)
    until(lambda: held(connections) == 3, "more than its share")
    assert ask(front)[0] == http.HTTPStatus.OK
    told = front.tell("show table connections")
    assert GREEDY in told
    assert OTHER in told
    for connection in connections:
        connection.close()


def test_headers_of_a_usual_size_pass_and_what_is_larger_has_a_status(plain: LoneFront) -> None:
    assert ask(plain, ("Cookie", 16_000 * "x"))[0] == http.HTTPStatus.OK
    assert ask(plain, path="/large")[0] == http.HTTPStatus.OK
    # The first before HAProxy 3.2.
    too_large = (http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    assert ask(plain, ("Cookie", 40_000 * "x"))[0] in too_large
    assert ask(plain, *[(f"X-{number}", "x") for number in range(120)])[0] == http.HTTPStatus.BAD_REQUEST
    assert begins(plain, "/many") == b"HTTP/1.1 502"


def test_the_limits_of_headers_are_settings(start: Start) -> None:
    wide = start(proxy_buffer_size=65536, proxy_max_headers=200)
    assert ask(wide, ("Cookie", 40_000 * "x"))[0] == http.HTTPStatus.OK
    assert begins(wide, "/many") == b"HTTP/1.1 200"


def test_the_configuration_is_accepted_without_any_of_it(start: Start) -> None:
    none = {name: 0 for name in FEW if name.startswith("proxy_client")}
    front = start(**none, proxy_buffer_requests=False)
    assert ask(front)[0] == http.HTTPStatus.OK
    assert "track-sc0" not in (front.folder / "haproxy.cfg").read_text()
