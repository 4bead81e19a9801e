"""After a cut-over what looks bad is compared over the same time before anything goes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import soak, watch
from ansible_collections.slipway.core.plugins.module_utils.crowd import Tally
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError
from ansible_collections.slipway.core.plugins.module_utils.haproxy_stats import Counters
from ansible_collections.slipway.core.plugins.module_utils.watch import Watch

ADDRESSES = 10


class Traffic:
    """A proxy each of whose looks finds ten more requests of every address, shared among the slots by their weights.

    :param rates: by slot of how many of ten requests fail.
    :param malicious: whether only one address sees failures.
    """

    def __init__(self, rates: dict[str, int], malicious: bool = False) -> None:
        self.rates, self.malicious = rates, malicious
        self.share = 100
        self.shares: list[int] = []
        self.got = {slot: {str(number): Tally() for number in range(ADDRESSES)} for slot in ("blue", "green")}

    def give(self, share: int) -> None:
        """Green gets that many per cent."""
        self.share = share
        self.shares.append(share)

    def counters(self) -> dict[str, Counters]:
        for slot, share in (("green", self.share), ("blue", 100 - self.share)):
            for number, had in self.got[slot].items() if share else ():
                failed = self.rates[slot] if not self.malicious or number == "0" else 0
                self.got[slot][number] = Tally(had.requests + 10, had.failures + failed, had.milliseconds + 50)
        sums = {
            slot: (sum(it.requests for it in got.values()), sum(it.failures for it in got.values()))
            for slot, got in self.got.items()
        }
        return {slot: Counters(requests, errors, 0, 0, 5.0, 0, requests) for slot, (requests, errors) in sums.items()}

    def clients(self) -> dict[str, dict[str, Tally]]:
        return {slot: dict(got) for slot, got in self.got.items()}


@pytest.fixture(autouse=True)
def looks_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "LOOK_SECONDS", 0)


def soaked(traffic: Any, share: Callable[[int], None] | None) -> tuple[str, soak.Soak]:
    watched = soak.Soak(traffic, "green", share, str, "warn")
    return next(filter(None, (watched.trouble() for _ in range(20))), ""), watched


def test_a_release_that_fails_more_often_over_the_same_time_is_bad() -> None:
    traffic = Traffic({"blue": 0, "green": 5})
    trouble, watched = soaked(traffic, traffic.give)
    assert trouble.startswith("it fails more often than the live release")
    assert traffic.shares == [50]
    assert watched.told()["compared"]["candidate"]["failures"] > 0


def test_what_happens_to_both_is_not_held_against_the_new_release() -> None:
    """Such as a database that failed just after the cut-over."""
    traffic = Traffic({"blue": 5, "green": 5})
    trouble, watched = soaked(traffic, traffic.give)
    assert trouble == ""
    assert traffic.shares[:2] == [50, 100]
    assert traffic.share == 100
    assert "compared over the same time" in watched.warnings[0]


def test_what_one_client_brings_about_is_only_told_of() -> None:
    traffic = Traffic({"blue": 0, "green": 10}, malicious=True)
    trouble, watched = soaked(traffic, traffic.give)
    assert (trouble, traffic.shares) == ("", [])
    assert "for too few client addresses" in watched.warnings[0]


def test_where_nothing_can_be_compared_nobody_is_convicted() -> None:
    trouble, watched = soaked(Traffic({"blue": 0, "green": 5}), None)
    assert trouble == ""
    assert watched.warnings


def test_a_look_that_haproxy_does_not_answer_convicts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = Traffic({"blue": 0, "green": 5})
    watched = soak.Soak(traffic, "green", traffic.give, str, "warn")  # type: ignore[arg-type]

    def silent() -> None:
        raise ProxyError("HAProxy does not answer")

    monkeypatch.setattr(traffic, "counters", silent)
    assert watched.trouble() == ""
    assert watched.told()["requests"] == 0


def watched(monkeypatch: pytest.MonkeyPatch, statuses: list[int], excused: bool) -> dict[str, Any]:
    """The verdict on what was healthy, by the statuses of its probes."""
    answers = iter([*statuses, *[200] * 99])
    monkeypatch.setattr(watch, "fetch", lambda *_: {"status": next(answers), "content": "", "msg": ""})
    check = {"path": "/", "statuses": [200], "version_source": "none", "version_key": "version", "smoke_paths": []}
    options = {name: option.get("default") for name, option in watch.OPTIONS.items()}
    params = {**options, "url": "http://x", "check": check, "interval": 0, "hold": 0}
    return Watch(params, excused=lambda: excused, proven=True).run()


def test_a_hiccup_of_its_health_check_convicts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, [-1, -1, 200], False)["healthy"]
    assert not watched(monkeypatch, [-1, -1, -1], False)["healthy"]


def test_a_machine_on_which_neither_release_answers_convicts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, [-1] * 9, True)["healthy"]
