"""A container is stopped when nobody waits for it any more."""

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import draining, front
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError

GREEN = {"name": "green", "running": True, "slot": "green"}


class Loaded:
    """A proxy that was loaded so many seconds ago, and answers so many requests."""

    def __init__(self, sessions: int, uptime: int) -> None:
        self._told = sessions, uptime

    def sessions(self, slot: str) -> int:
        return self._told[0]

    def uptime(self) -> int:
        return self._told[1]


class Ended(Loaded):
    def sessions(self, slot: str) -> int:
        raise ProxyError("it does not answer")


@pytest.mark.parametrize(
    ("proxies", "busy"),
    [
        ([Loaded(0, 30)], False),
        ([Loaded(1, 30)], True),
        # The worker before it answers still what it has accepted, and tells nobody.
        ([Loaded(0, 3)], True),
        ([Loaded(0, 30), Loaded(1, 30)], True),
        ([Ended(0, 0), Loaded(0, 30)], False),
        ([], False),
    ],
)
def test_what_a_proxy_may_still_send_to_a_container_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, proxies: list[Any], busy: bool
) -> None:
    monkeypatch.setattr(front, "proxies", lambda *_: proxies)
    assert draining.is_busy(Path("/none"), [], GREEN, 30) is busy
    assert not draining.is_busy(Path("/none"), [], {**GREEN, "running": False}, 30)
    assert not draining.is_busy(Path("/none"), [], {**GREEN, "slot": "public"}, 30)
