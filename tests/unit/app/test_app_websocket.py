"""The WebSocket, under gunicorn: what it says, how it ends, and that it does not hold up the rest."""

import json
import socket
import struct
import time

import pytest
import simple_websocket
from conftest import APP
from gunicorn_process import DEADLINE, Gunicorn
from simple_websocket import ConnectionClosed
from web import create_app
from web.config import Config

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
# Seconds: far above what an end takes on a busy machine, and below the 20 or more when a connection holds it up.
SOON = 10


class Client(simple_websocket.Client):
    """A client that also takes a message that came in one piece with the answer to its handshake."""

    def handshake(self):
        super().handshake()
        self.connected = self._handle_events()


@pytest.fixture
def server():
    with Gunicorn(APP, APP_VERSION="1.0.42", APP_LOAD_PATHS="on") as server:
        server.wait_until_listening()
        yield server


def connect(server):
    """A client that has got the first message."""
    client = Client.connect(f"ws://127.0.0.1:{server.port}/ws")
    assert json.loads(client.receive(DEADLINE)) == {"version": "1.0.42"}
    return client


def connect_silently(server):
    """A client that never answers a frame, nor makes room for many."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(DEADLINE)
    connection.connect(("127.0.0.1", server.port))
    headers = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    connection.sendall(f"GET /ws HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")
    return connection


def end_of(client):
    """The close code that the server sent."""
    with pytest.raises(ConnectionClosed) as closed:
        client.receive(DEADLINE)
    return closed.value.reason


def ask(server, path, method="GET", headers=None):
    """Status and body of one answer."""
    connection = server.connect()
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_it_echoes_and_is_logged_and_counted_when_it_ends(server):
    client = connect(server)
    for message in ("one", "", "zwölf ✓", "x" * 100_000, b"\x00\xff"):
        client.send(message)
        assert client.receive(DEADLINE) == message
    client.close()
    line = server.wait_for_line(logger="web.requests")
    assert (line["message"], line["route"]) == ("GET /ws 101", "/ws")
    assert b'http_requests_total{route="/ws",status="101"} 1.0' in ask(server, "/metrics")[1]


def test_it_lives_until_sigterm_and_then_ends_soon(server):
    clients = [connect(server) for _ in range(3)]
    time.sleep(0.5)
    for client in clients:
        client.send("still here")
        assert client.receive(DEADLINE) == "still here"
    assert server.stop() < SOON
    assert [end_of(client) for client in clients] == [1001] * 3


def test_it_ends_when_gunicorn_is_killed_but_for_the_worker(server):
    client = connect(server)
    server.process.kill()
    assert end_of(client) == 1001


def test_clients_that_do_not_answer_the_close_hold_up_nobody(server):
    connections = [connect_silently(server) for _ in range(3)]
    assert server.stop() < SOON
    for connection in connections:
        connection.close()


def test_a_client_gets_time_to_answer_the_close(tmp_path):
    """As much as the application's own setting says, which is long here, as this machine may be busy."""
    patient = tmp_path / "gunicorn.conf.py"
    own = f"exec(open({str(APP / 'gunicorn.conf.py')!r}).read())"
    patient.write_text(f"{own}\nfrom web import websocket\nwebsocket.CLOSE_SECONDS = {DEADLINE}\n")
    with Gunicorn(APP, "--config", str(patient), APP_VERSION="1.0.42", APP_LOAD_PATHS="on") as server:
        server.wait_until_listening()
        with connect_silently(server) as connection:
            server.process.terminate()
            frames = b""
            while b"The server stops." not in frames:
                more = connection.recv(1000)
                assert more, f"it hung up after {frames}"
                frames += more
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)


def test_a_client_that_does_not_hang_up_after_its_close_holds_up_nobody(server):
    with connect_silently(server) as connection:
        connection.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
        server.wait_for_line(logger="web.requests", path="/ws")
        began = time.monotonic()
        assert ask(server, "/version")[0] == 200
        assert time.monotonic() - began < 1.5


def test_a_client_that_vanishes_leaves_no_error(server):
    connect_silently(server).close()
    server.wait_for_line(logger="web.requests", path="/ws")
    assert server.stop() < SOON
    assert {line["level"] for line in server.lines} == {"info"}


def test_a_client_that_vanishes_under_an_echo_leaves_no_error_either(server):
    with connect_silently(server) as connection:
        # Unread, these fill every buffer on the way back.
        for _ in range(30):
            connection.sendall(b"\x81\xff" + (500_000).to_bytes(8) + bytes(4) + 500_000 * b"x")
        time.sleep(0.2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.wait_for_line(logger="web.requests", path="/ws", status=101)
    assert server.stop() < SOON
    assert {line["level"] for line in server.lines} == {"info"}


def test_clients_that_left_do_not_make_it_stop_before_requests_in_flight_are_answered(server):
    for _ in range(3):
        connect(server).close()
        server.wait_for_line(logger="web.requests", path="/ws")
    slow = server.connect()
    slow.request("GET", "/slow?s=1")
    time.sleep(0.3)
    server.process.terminate()
    assert slow.getresponse().status == 200
    slow.close()
    assert server.wait_for_exit() == 0
    messages = [line["message"] for line in server.lines]
    assert messages.index("GET /slow 200") < next(n for n, text in enumerate(messages) if "Worker exiting" in text)



def test_five_slow_answers_a_stream_and_three_websockets_leave_room_for_the_others(server):
    clients = [connect(server) for _ in range(3)]
    slow = [server.connect() for _ in range(6)]
    for connection in slow[:5]:
        connection.request("GET", "/slow?s=3")
    slow[5].request("GET", "/stream?s=3")
    began = time.monotonic()
    quick = server.connect()
    for _ in range(20):
        quick.request("GET", "/version")
        assert quick.getresponse().read()
    assert time.monotonic() - began < 2.5
    assert [connection.getresponse().status for connection in slow] == [200] * 6
    for client in clients:
        client.send("still here")
        assert client.receive(DEADLINE) == "still here"
        client.close()


@pytest.mark.parametrize("missing", list(HANDSHAKE))
def test_what_is_no_handshake_is_refused(server, missing):
    headers = {name: value for name, value in HANDSHAKE.items() if name != missing}
    status, body = ask(server, "/ws", headers=headers)
    assert status == 400
    if missing.startswith("Sec-"):
        assert json.loads(body)["error"].startswith("This is no WebSocket handshake: ")
    assert server.stop() < SOON
    assert {line["level"] for line in server.lines} == {"info"}


def test_a_message_that_is_too_long_ends_it(server):
    client = connect(server)
    client.send("x" * (2**20 + 1))
    assert end_of(client) == 1009


def test_without_an_upgrade_it_is_a_bad_request(clock):
    assert create_app(Config(load_paths=True), clock).test_client().get("/ws").status_code == 400


def test_a_fault_refuses_before_the_upgrade():
    with Gunicorn(APP, APP_FAULT="errors", APP_FAULT_SHARE="1", APP_LOAD_PATHS="on") as server:
        server.wait_until_listening()
        assert ask(server, "/ws", headers=HANDSHAKE)[0] == 500
