"""The WebSocket ``/ws``: says what runs here, then echoes, until the client leaves or the server is told to stop."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from .config import Config
from .health import Readiness

# How often a connection looks whether the server stops, in seconds: no more than this is added to its end.
POLL_SECONDS = 0.2
# How long a client gets to answer the close frame.
CLOSE_SECONDS = 1.0
# flask-sock's settings. Pings keep proxies from closing an idle connection, and find clients that are gone.
OPTIONS = {"ping_interval": 20, "max_message_size": 2**20}


def blueprint(config: Config, readiness: Readiness) -> Blueprint:
    """The route ``/ws``.

    It has to end by itself after SIGTERM (close code 1001): gunicorn waits for it as for any other request.
    """
    routes = Blueprint("websocket", __name__)

    @routes.before_request
    def share_connection() -> None:
        # simple-websocket closes its socket; of one it finds closed, gunicorn would lose count, and stop too early.
        g.connection = request.environ["gunicorn.socket"]
        request.environ["gunicorn.socket"] = g.connection.dup()

    def echo(client: Server) -> None:
        try:
            client.send(json.dumps({"version": config.version}))
            while not readiness.stopping():
                message = client.receive(timeout=POLL_SECONDS)
                if message is not None:
                    client.send(message)
            client.close(CloseReason.GOING_AWAY, "The server stops.")
        except (ConnectionClosed, LocalProtocolError, OSError):
            pass  # The client has gone.
        finally:
            _hang_up(client)

    @routes.errorhandler(RemoteProtocolError)
    def refuse(error: RemoteProtocolError) -> tuple[dict[str, Any], HTTPStatus]:
        return {"error": f"This is no WebSocket handshake: {error}."}, HTTPStatus.BAD_REQUEST

    @routes.after_request
    def name_status(response: Response) -> Response:
        # Nobody gets this answer of flask-sock's, but the log and the metrics do.
        if response.status_code == HTTPStatus.OK:
            response.status_code = HTTPStatus.SWITCHING_PROTOCOLS
        return response

    Sock().route("/ws", bp=routes)(echo)
    return routes


def _hang_up(client: Server) -> None:
    """End the connection, whatever the client does; gunicorn has nothing left to wait for then."""
    client.thread.join(CLOSE_SECONDS)
    with suppress(OSError):
        g.connection.shutdown(socket.SHUT_RDWR)
