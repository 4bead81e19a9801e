"""The Docker Engine client, against a server that speaks over a unix socket."""

import base64
import http.server
import json
import socketserver
import struct
import threading

import pytest
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError, demultiplex


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def logins():
    """The login that came with each call."""
    return []


@pytest.fixture
def answers(tmp_path, logins):
    """Starts an engine; maps "METHOD path" to (status, body) and collects what was asked."""
    replies = {}
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            asked.append(f"{self.command} {self.path}")
            logins.append(self.headers.get("X-Registry-Auth", ""))
            status, body = replies.get(f"{self.command} {self.path.partition('?')[0]}", (404, {"message": "no such"}))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer

        def address_string(self):
            return "unix"

        def log_message(self, *_):
            """Quiet."""

    path = str(tmp_path / "docker.sock")
    server = Server(path, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Engine(path, timeout=2), replies, asked
    server.shutdown()
    server.server_close()


def test_a_missing_container_is_none(answers):
    engine, _, _ = answers
    assert engine.container("gone") is None


def test_names_from_inspections_begin_with_a_slash(answers):
    engine, replies, _ = answers
    replies["GET /containers/app/json"] = (200, {"Name": "/app"})
    assert engine.container("/app") == {"Name": "/app"}


def test_containers_are_found_by_all_their_labels(answers):
    engine, replies, asked = answers
    replies["GET /containers/json"] = (200, [{"Id": "abc"}])
    replies["GET /containers/abc/json"] = (200, {"Id": "abc"})
    assert engine.containers({"a": "1", "b": "2"}) == [{"Id": "abc"}]
    assert "a%3D1" in asked[0]
    assert "b%3D2" in asked[0]


def test_a_container_that_vanishes_while_we_look_is_left_out(answers):
    engine, replies, _ = answers
    replies["GET /containers/json"] = (200, [{"Id": "abc"}])
    assert engine.containers() == []


def test_the_engines_own_reason_is_told(answers):
    engine, replies, _ = answers
    replies["POST /containers/app/start"] = (500, {"message": "port is already allocated"})
    with pytest.raises(EngineError, match="port is already allocated"):
        engine.start("app")


def test_an_image_in_use_is_not_removed(answers):
    engine, replies, _ = answers
    replies["DELETE /images/r/app@sha256:1"] = (409, {"message": "in use"})
    assert engine.remove_image("r/app@sha256:1") is False


def test_an_image_gets_one_more_name(answers):
    engine, replies, asked = answers
    replies["POST /images/r:5000/app@sha256:1/tag"] = (201, b"")
    assert engine.tag("r:5000/app@sha256:1", "r:5000/app", "slipway-app-staging-1") is True
    assert asked == ["POST /images/r:5000/app@sha256:1/tag?repo=r%3A5000%2Fapp&tag=slipway-app-staging-1"]
    assert engine.tag("r/app@sha256:2", "r/app", "x") is False, "an image that is not there"
    replies["POST /images/r/app@sha256:3/tag"] = (409, {"message": "conflict"})
    with pytest.raises(EngineError, match="conflict"):
        engine.tag("r/app@sha256:3", "r/app", "x")


def test_an_engine_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EngineError, match="does not answer"):
        Engine(str(tmp_path / "none.sock")).version()


def test_an_engine_that_never_answers_does_not_hang(tmp_path):
    path = str(tmp_path / "docker.sock")
    with Server(path, socketserver.BaseRequestHandler), pytest.raises(EngineError, match="does not answer"):
        Engine(path, timeout=0.2).version()


def test_log_frames_are_joined():
    frames = struct.pack(">BxxxL", 1, 4) + b"out\n" + struct.pack(">BxxxL", 2, 4) + b"err\n"
    assert demultiplex(frames) == b"out\nerr\n"


def test_logs_of_a_terminal_are_plain_text():
    assert demultiplex(b"hello from a terminal\n") == b"hello from a terminal\n"


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("team/myapp@sha256:1", "https://index.docker.io/v1/"),
        ("docker.io/team/myapp@sha256:1", "https://index.docker.io/v1/"),
        ("haproxy:3.2@sha256:1", "https://index.docker.io/v1/"),
        ("registry.example.com:5000/team/myapp:1.0.1", "registry.example.com:5000"),
    ],
)
def test_the_login_goes_to_the_engine_with_the_name_of_the_images_registry(answers, logins, image, server):
    engine, replies, _ = answers
    replies["POST /images/create"] = (200, b"")
    engine.pull(image, {"username": "robot", "password": "secret"}, 2)
    assert json.loads(base64.urlsafe_b64decode(logins[0]))["serveraddress"] == server
