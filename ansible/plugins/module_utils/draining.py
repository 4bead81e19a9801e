"""Lets a container finish what it has begun before it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

from ansible_collections.slipway.core.plugins.module_utils import front, labels
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Proxy, ProxyError, wait_until

Described = dict[str, Any]


def drain(engine: Engine, home: Path, fronts: Sequence[Described], container: Described, seconds: int) -> bool:
    """Let a container that gets no new requests finish those it has, then stop it.

    :param seconds: how long it may take; after it, and again as long after SIGTERM, the rest is cut off.
    :returns: whether everything was finished.
    """
    clients = front.proxies(home, list(fronts))
    finished = wait_until(lambda: all(_has_finished(it, container["slot"], seconds) for it in clients), seconds)
    if container["running"]:
        engine.stop(container["name"], seconds)
    return finished


def is_busy(home: Path, fronts: Sequence[Described], container: Described, seconds: int) -> bool:
    """Whether a container has requests to finish, or may have, although it gets no new ones any more.

    :param seconds: how long they may take.
    """
    if not container["running"] or container["slot"] not in labels.BEHIND_PROXY:
        return False
    return not all(_has_finished(it, container["slot"], seconds) for it in front.proxies(home, list(fronts)))


def _has_finished(proxy: Proxy, slot: str, seconds: int) -> bool:
    """Whether nothing is being answered by a slot.

    A worker that has just been loaded does not know what the one before it answers still: that gets as long.
    """
    try:
        return not proxy.sessions(slot) and proxy.uptime() >= seconds
    except ProxyError:
        return True
