"""How gunicorn serves the application: one worker with threads, see :mod:`web.metrics` for why."""

import logging
import os
import sys
from typing import Any

from web import faults, logs
from web.config import Config, ConfigError

logs.configure()
try:
    app_config = Config.from_environment(os.environ)
except ConfigError as error:
    logging.getLogger("web").critical("%s", error)
    sys.exit(1)

wsgi_app = "web:create_app()"
bind = f"0.0.0.0:{faults.listening_port(app_config)}"
workers = 1
threads = 8

# Longer than proxies keep an idle connection (HAProxy 5 s, nginx 60 s), so that none is closed under a request.
keepalive = 65
# On SIGTERM requests in flight get this long; less than `docker stop --time 30` waits before it kills.
graceful_timeout = 25

# The root file system may be read-only.
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True

logconfig_dict = logs.CONFIG


def on_starting(server: Any) -> None:
    """Runs once, before the port is open."""
    faults.before_listening(app_config)


def post_worker_init(worker: Any) -> None:
    """Lets ``/health`` fail from SIGTERM on, for clients whose connection is still open."""
    worker.wsgi.extensions["readiness"].add("ready", lambda: worker.alive)
