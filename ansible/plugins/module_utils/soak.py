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
    :param seconds: for how long.
    """

    def __init__(self, proxy: Proxy, slot: str, seconds: int) -> None:
        self._proxy = proxy
        self._slot = slot
        self._policy = verdict.Policy(deadline=max(1, seconds))
        self._start: dict[str, Counters] = proxy.counters()
        self._latest = self._start
        self._looks = verdict.FIRST
        self._began = time.monotonic()
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
        waited = time.monotonic() - self._began
        sample, baseline = self._counters().sample(), self._start[other].sample()
        found = verdict.judge_soak(sample, baseline, self._policy, waited, self._looks)
        self._looks = found.looks
        self._trouble = found.reason if found.outcome is verdict.Outcome.BAD else ""
        return self._trouble

    def _counters(self) -> Counters:
        return self._latest[self._slot].since(self._start[self._slot])

    def told(self) -> dict[str, Any]:
        """Requests and errors so far, for the ledger."""
        sample = self._counters().sample()
        return {"requests": sample.requests, "failures": sample.failures}
