"""How gunicorn serves the application: one worker with threads, see :mod:`web.metrics` for why."""

import logging
import os
import sys
from typing import Any

from gunicorn.workers import gthread
from web import faults, logs
from web.config import Config, ConfigError

logs.configure()
try:
    app_config = Config.from_environment(os.environ)
except ConfigError as error:
    logging.getLogger("web").critical("%s", error)
    sys.exit(1)


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker, which when told to stop does not wait for connections that never sent anything."""

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for connection in self.pending_conns:
            connection.timeout = 0
        self.murder_pending()


wsgi_app = "web:create_app()"
bind = f"0.0.0.0:{faults.listening_port(app_config)}"
workers = 1
worker_class = Worker
# A slow answer, a stream or a WebSocket holds one as long as it lasts: room for dozens beside the quick requests.
threads = 64

# Longer than proxies keep an idle connection (HAProxy 5 s, nginx 60 s), so that none is closed under a request.
keepalive = 65
# On SIGTERM requests in flight get this long; less than `docker stop --time 30` waits before it kills.
graceful_timeout = 25
# How long connections without a request, kept alive and new ones, hold up the end after SIGTERM; gunicorn's own 2 s
# and 5 s would be downtime where the next container waits for this one's port.
gthread.STOP_KEEPALIVE_LINGER = 0.3
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.3

# The root file system may be read-only.
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True

logconfig_dict = logs.CONFIG


def on_starting(server: Any) -> None:
    """Runs once, before the port is open."""
    faults.before_listening(app_config)


def post_worker_init(worker: Any) -> None:
    """Lets ``/health`` fail and WebSockets end from SIGTERM on, or from when gunicorn's first process has gone."""
    worker.wsgi.extensions["readiness"].add("ready", lambda: worker.alive and os.getppid() == worker.ppid)
