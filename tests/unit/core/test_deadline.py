"""A time limit ends what waits, and only that."""

from __future__ import annotations

import signal
import time

import pytest
from ansible_collections.slipway.core.plugins.module_utils.deadline import Expired, within


def test_what_waits_too_long_is_ended() -> None:
    with pytest.raises(Expired, match=r"^not finished within 0\.05 s$"), within(0.05):
        time.sleep(10)


def test_nothing_is_left_of_it_afterwards() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with within(10):
        pass
    with pytest.raises(KeyError), within(10):
        raise KeyError
    assert (signal.getitimer(signal.ITIMER_REAL), signal.getsignal(signal.SIGALRM)) == ((0, 0), before)


@pytest.mark.parametrize("outer", [0.2, 0.05], ids=["longer", "shorter"])
def test_a_limit_around_it_goes_on(outer: float) -> None:
    with pytest.raises(Expired, match=rf"within {outer} s"), within(outer):
        _wait_twice()


def _wait_twice() -> None:
    with pytest.raises(Expired, match=r"within 0\.1 s"), within(0.1):
        time.sleep(10)
    time.sleep(10)
