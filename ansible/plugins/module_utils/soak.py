"""The time after a cut-over, in which a release has to show that it answers its traffic."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import verdict
from ansible_collections.slipway.core.plugins.module_utils.haproxy import SLOTS, Proxy, ProxyError
from ansible_collections.slipway.core.plugins.module_utils.haproxy_stats import Counters

LOOK_SECONDS = 0.5


class Soak:
    """What a slot answers from this moment on, compared with what the other slot answered until then.

    :param proxy: the proxy that sends the traffic.
    :param slot: the slot that gets it from now on.
    """

    def __init__(self, proxy: Proxy, slot: str) -> None:
        self._proxy = proxy
        self._slot = slot
        self._start: dict[str, Counters] = proxy.counters()
        self._latest = self._start
        self._looked = 0.0
        self._trouble = ""

    def trouble(self) -> str:
        """Why the release is bad by its answers; empty while it is not. Looks at most every LOOK_SECONDS."""
        if self._trouble or time.monotonic() - self._looked < LOOK_SECONDS:
            return self._trouble
        self._looked = time.monotonic()
        try:
            self._latest = self._proxy.counters()
        except ProxyError:
            return ""
        other = next(slot for slot in SLOTS if slot != self._slot)
        found = verdict.judge_soak(self._sample(), self._start[other])
        self._trouble = found.reason if found.outcome is verdict.Outcome.BAD else ""
        return self._trouble

    def _sample(self) -> Counters:
        return self._latest[self._slot].since(self._start[self._slot])

    def told(self) -> dict[str, Any]:
        """Requests and errors so far, for the ledger."""
        sample = self._sample()
        return {"requests": sample.requests, "errors": sample.errors, "connection_errors": sample.connection_errors}
