"""What the front makes of an application that speaks HTTP/2 alone, as servers of gRPC do."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator

import pytest
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Proxy, Routes, all_to

from bench.prober import Prober, summary
from tests import h2_application
from tests.h2_client import Client
from tests.integration.authority import Authority
from tests.lone_clients import OTHER, ask, half, until
from tests.lone_front import Application, LoneFront, Start

# With its overhead less than a frame has, which is all that HAProxy sends of headers.
LARGE = 20_000
H2 = {"blue": "h2"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of an application of HTTP/2, 1.0.3."""
    with h2_application.application("1.0.3") as number:
        yield number


@pytest.fixture(scope="module")
def front(start: Start, port: int) -> LoneFront:
    """In front of it, and impatient."""
    limits = {"proxy_server_timeout": 1, "proxy_request_timeout": 1, "proxy_client_timeout": 1}
    return start(proxy_blue_port=port, protocols=H2, **limits)


@pytest.fixture(scope="module")
def secured(start: Start, port: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoneFront, ssl.SSLContext]:
    """The same with TLS."""
    authority = Authority(tmp_path_factory.mktemp("h2") / "authority").make()
    began = start(proxy_blue_port=port, protocols=H2, certificate=authority.issue("127.0.0.1"))
    return began, authority.context()


def called(client: Client) -> None:
    """Each word comes back before the next one is sent, and the trailers at the end."""
    call = client.call("/echo.Echo/Talk")
    for number, word in enumerate((b"one", b"two", b"three")):
        call.send(word)
        call.until(lambda: call.content.endswith(word))  # noqa: B023
        assert call.content.endswith(word), f"{word!r}, number {number}, does not come back"
    call.send(b"", last=True)
    assert call.whole().trailers == {"grpc-status": "0", "x-checksum": "end"}
    assert (call.status, call.content, call.reset) == (200, b"onetwothree", False)


def test_a_call_streams_both_ways_and_ends_with_its_trailers(
    front: LoneFront, secured: tuple[LoneFront, ssl.SSLContext]
) -> None:
    with Client(front.port) as client:
        called(client)
    with Client(secured[0].port, secured[1]) as client:
        called(client)


def test_clients_of_http_1_reach_it_and_it_learns_of_them_what_others_do(front: LoneFront) -> None:
    status, headers, told = ask(front, ("X-Real-IP", "192.0.2.1"), ("Cookie", LARGE * "x"), path="/large")
    assert (status, told["version"], len(headers["x-large"])) == (200, "1.0.3", LARGE)
    seen = dict(told["headers"])
    assert seen["x-forwarded-for"] == OTHER
    assert "x-real-ip" not in seen


def test_a_call_may_be_silent_for_longer_than_an_answer_may_take(front: LoneFront) -> None:
    with Client(front.port) as client:
        call = client.call("/echo.Echo/Talk")
        call.send(b"before")
        call.until(lambda: call.content)
        assert client.ask("/silent").whole().status == 504
        call.send(b" after", last=True)
        assert call.whole().trailers["grpc-status"] == "0"
        assert call.content == b"before after"


def test_what_claims_to_be_a_call_waits_for_its_body_where_nothing_speaks_http_2(
    limited: LoneFront, front: LoneFront, applications: tuple[Application, Application]
) -> None:
    begun = b"POST /drips-as-call HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nContent-Length: 9\r\n\r\n1"
    (connection,) = half(limited, 1, begun, OTHER)
    with connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
    assert "/drips-as-call" not in applications[0].paths


def test_the_traffic_moves_between_protocols_without_a_failed_request(
    start: Start, port: int, applications: tuple[Application, Application]
) -> None:
    """What the runtime API is told, what it tells then, and that a call is counted until it has ended."""
    front = start(proxy_green_port=port)
    proxy = Proxy(str(front.folder / "run" / "lone.sock"))
    assert proxy.routes().protocols == {"blue": "http1", "green": "http1"}
    spoken = {"green": "h2"}
    with Prober(f"http://127.0.0.1:{front.port}/", ["1.0.1", "1.0.3"], 0.01) as prober:
        until(lambda: len(prober.answers()) > 20, "nothing is answered")
        assert not proxy.routes().misunderstood(Routes({}, protocols={"blue": "http1"}))
        assert proxy.routes().misunderstood(Routes({}, protocols=spoken)) == ["green"]
        proxy.route(Routes(all_to("green"), protocols=spoken))
        assert proxy.routes() == Routes(all_to("green"))
        assert proxy.routes().protocols == {"blue": "http1", "green": "h2"}
        until(lambda: prober.answers()[-1].version == "1.0.3", "1.0.3 does not answer")
        with Client(front.port) as client:
            call = client.call("/echo.Echo/Talk")
            call.send(b"one")
            call.until(lambda: call.content)
            proxy.route(Routes(all_to("blue")))
            until(lambda: prober.answers()[-1].version == "1.0.1", "1.0.1 does not answer")
            until(lambda: proxy.sessions("green") == 1, "the call is not counted")
            call.send(b"two", last=True)
            assert call.whole().content == b"onetwo"
        until(lambda: proxy.sessions("green") == 0, "the call is still counted")
        # As after another release of HTTP/1.1 in this slot.
        moved = Routes(all_to("green"), "green", addresses={"green": f"127.0.0.1:{applications[1].port}"})
        proxy.route(Routes(moved.weights, moved.asked, addresses=moved.addresses, protocols={"green": "http1"}))
        assert proxy.routes() == moved
        assert ask(front, ("X-Canary", "always"))[2]["version"] == "1.0.2"
        proxy.route(Routes(all_to("blue")))
    answers = [answer for answer in prober.answers() if answer.version != "1.0.2"]
    assert [answer for answer in answers if answer.trouble] == [], summary(answers)
    assert all(it.requests and not it.failures for it in proxy.counters().values())
    assert all(tally.requests and not tally.failures for got in proxy.clients().values() for tally in got.values())


def test_a_candidate_of_another_protocol_is_reached_by_those_who_ask_for_it(start: Start, port: int) -> None:
    front = start(proxy_green_port=port)
    Proxy(str(front.folder / "run" / "lone.sock")).route(Routes(all_to("blue"), "green", protocols={"green": "h2"}))
    versions = [ask(front, *headers)[2]["version"] for headers in ([], [("X-Canary", "always")])]
    assert versions == ["1.0.1", "1.0.3"], json.dumps(versions)
