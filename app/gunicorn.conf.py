"""gunicorn's settings: one worker with threads, so that metrics need no shared memory, and a graceful end."""

import os
from typing import Any

from web import faults, health, logs
from web.config import Config

logs.configure()
settings = Config.from_environment()
faults.before_start(settings)

bind = f"0.0.0.0:{faults.port(settings, int(os.environ.get('PORT', '8000')))}"
workers = 1
threads = int(os.environ.get("APP_THREADS", "8"))
worker_class = "gthread"
worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True
graceful_timeout = 25
timeout = 60
keepalive = 65
preload_app = False
logger_class = logs.GunicornLogger
wsgi_app = "web:create_app()"


def post_worker_init(worker: Any) -> None:
    """Let readiness fail from SIGTERM on, while requests in flight are finished."""
    finish = worker.handle_exit

    def drain_then_finish(signal: int, frame: Any) -> None:
        health.drain()
        finish(signal, frame)

    import signal as signals

    signals.signal(signals.SIGTERM, drain_then_finish)
