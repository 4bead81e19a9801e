"""The time after a cut-over, in which a release has to show that it answers its traffic.

Until the cut-over the other release got the requests, and whatever has changed since would be blamed on the new one. So
what looks bad is a suspicion: both get half of the traffic for a while, and what they do over the same time is judged.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable

from ansible_collections.slipway.core.plugins.module_utils import verdict
from ansible_collections.slipway.core.plugins.module_utils.crowd import Clients, Crowd, Sample, since
from ansible_collections.slipway.core.plugins.module_utils.haproxy import SLOTS, Proxy, ProxyError
from ansible_collections.slipway.core.plugins.module_utils.haproxy_stats import Counters

LOOK_SECONDS = 0.5
COMPARE_SECONDS = 15
COMPARE_REQUESTS = 100
COMPARE_SHARE = 50


class Interval:
    """What both slots did since a moment.

    :param proxy: the proxy that sends the traffic.
    :param slot: the slot that is judged.
    """

    def __init__(self, proxy: Proxy, slot: str) -> None:
        self._proxy = proxy
        self._slots = (slot, next(other for other in SLOTS if other != slot))
        self._began = time.monotonic()
        self._start = self._latest = self._read()

    def _read(self) -> dict[str, tuple[Counters, Clients]]:
        counters, clients = self._proxy.counters(), self._proxy.clients()
        return {slot: (counters[slot], clients[slot]) for slot in self._slots}

    def look(self) -> None:
        """Read the counters again.

        :raises ProxyError: HAProxy does not tell.
        """
        self._latest = self._read()

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self._began

    def samples(self) -> tuple[Sample, Sample]:
        """Of the slot that is judged, and of the other one."""
        own, other = (self._latest[slot][0].since(self._start[slot][0]).sample() for slot in self._slots)
        return own, other

    def crowd(self) -> Crowd:
        """The same by client address."""
        own, other = (since(self._latest[slot][1], self._start[slot][1]) for slot in self._slots)
        return Crowd(own, other)

    def before(self) -> tuple[Sample, Clients]:
        """What the other slot did until the moment."""
        counters, clients = self._start[self._slots[1]]
        return counters.sample(), clients


class Soak:
    """What a slot answers from this moment on; the other one got the requests until then.

    :param proxy: the proxy that sends the traffic.
    :param slot: the slot that gets it from now on.
    :param share: gives the slot that many per cent of the traffic and the other one the rest; None when the other one
        cannot get any, so that nothing can be compared.
    :param gone: why the slot's container cannot answer any more; empty while it runs.
    :param latency: whether being slow alone convicts (``convict``) or is only told of (``warn``).
    """

    def __init__(
        self, proxy: Proxy, slot: str, share: Callable[[int], None] | None, gone: Callable[[], str], latency: str
    ) -> None:
        self._proxy, self._slot, self._share, self._gone = proxy, slot, share, gone
        self._policy = verdict.Policy(
            min_requests=COMPARE_REQUESTS, deadline=COMPARE_SECONDS, on_too_few="promote", latency=latency
        )
        self._since = self._first = Interval(proxy, slot)
        self._looks = verdict.FIRST
        self._looked = 0.0
        self._trouble = ""
        self.warnings: list[str] = []
        self.evidence: dict[str, Any] = {}

    def trouble(self) -> str:
        """Why the release is bad by its answers; empty while it is not. Looks at most every LOOK_SECONDS."""
        if self._trouble or time.monotonic() - self._looked < LOOK_SECONDS:
            return self._trouble
        self._looked = time.monotonic()
        try:
            self._since.look()
        except ProxyError:
            return ""
        sample, (baseline, clients) = self._since.samples()[0], self._since.before()
        among = Crowd(self._since.crowd().candidate, clients)
        suspicion = verdict.suspect(sample, baseline, self._policy, self._looks, among)
        self._looks = suspicion.looks
        if suspicion.outcome is verdict.Outcome.BAD:
            self._trouble = self._compare(suspicion.reason)
        elif suspicion.warning:
            self._warn(suspicion.warning)
        return self._trouble

    def _warn(self, text: str) -> None:
        if not self.warnings:
            self.warnings.append(
                f"Not held against the new release, as nothing compares them over the same time: {text}."
            )

    def _compare(self, suspicion: str) -> str:
        """Give both releases half of the traffic; returns why the new one is bad, empty when it is not."""
        if self._share is None:
            self._warn(suspicion)
            return ""
        self._share(COMPARE_SHARE)
        found = self._judge()
        self.evidence = found.evidence
        if found.outcome is verdict.Outcome.BAD:
            return found.reason
        self._share(100)
        self.warnings.append(f"It was suspected ({suspicion}), and then compared over the same time: {found.reason}.")
        self._since, self._looks = Interval(self._proxy, self._slot), verdict.FIRST
        return ""

    def _judge(self) -> verdict.Verdict:
        both, looks = Interval(self._proxy, self._slot), verdict.FIRST
        while True:
            time.sleep(LOOK_SECONDS)
            ended = self._gone()
            if ended:
                return verdict.Verdict(verdict.Outcome.BAD, ended, self.evidence)
            try:
                both.look()
            except ProxyError:
                if both.seconds < COMPARE_SECONDS:
                    continue
            found = verdict.judge(*both.samples(), self._policy, both.seconds, looks, both.crowd())
            looks = found.looks
            if found.outcome is not verdict.Outcome.WAIT:
                return found

    def told(self) -> dict[str, Any]:
        """Requests and errors so far, for the ledger, and what a comparison rests on."""
        with contextlib.suppress(ProxyError):
            self._first.look()
        sample = self._first.samples()[0]
        compared = {"compared": self.evidence} if self.evidence else {}
        return {"requests": sample.requests, "failures": sample.failures, **compared}
