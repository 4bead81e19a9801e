"""What each client address got from two releases over the same time, so that none of them decides alone.

An address counts for at most CAP requests of each release, and what is held against a release has to be true of the
rest as well, whichever one address is left out. So whatever one client does, a release is convicted only for what
others saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import Callable, Iterator, Mapping

# An address says nothing new about a release after so many requests.
CAP = 50
# Addresses that must have seen failures.
WITNESSES = 3
# Addresses of each release without which their times are not compared.
PACED = 5


@dataclass(frozen=True)
class Sample:
    """What one release did in the interval: requests, how many of them failed, and its time in milliseconds."""

    requests: int
    failures: int = 0
    response_ms: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.requests:
            raise ValueError(f"{self.failures} of {self.requests} requests cannot have failed")
        if not (isfinite(self.response_ms) and self.response_ms >= 0):
            raise ValueError(f"{self.response_ms} ms is no response time")

    @property
    def share(self) -> float:
        """The share of requests that failed, 0 without requests."""
        return self.failures / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Tally:
    """What one address got from one release: requests, how many failed, and their time together."""

    requests: int = 0
    failures: int = 0
    milliseconds: int = 0

    def since(self, earlier: Tally) -> Tally:
        """What came after ``earlier``; everything where HAProxy has begun to count anew."""
        requests, failures = self.requests - earlier.requests, self.failures - earlier.failures
        milliseconds = self.milliseconds - earlier.milliseconds
        return self if min(requests, failures, milliseconds) < 0 else Tally(requests, failures, milliseconds)

    @property
    def capped(self) -> tuple[int, int]:
        """Requests and failures, of at most CAP requests."""
        requests = min(self.requests, CAP)
        failures = min(self.failures, self.requests)
        return requests, round(failures * requests / self.requests) if self.requests else 0


Clients = Mapping[str, Tally]
NOBODY = Tally()


def since(now: Clients, earlier: Clients) -> dict[str, Tally]:
    """What each address got after ``earlier``."""
    gone = {address: tally.since(earlier.get(address, NOBODY)) for address, tally in now.items()}
    return {address: tally for address, tally in gone.items() if tally.requests}


@dataclass(frozen=True)
class Crowd:
    """The clients of two releases over the same time.

    :param candidate: by address what the candidate gave it.
    :param live: by address what the other release gave it.
    """

    candidate: Clients
    live: Clients

    def all_but_one(self) -> Iterator[tuple[Sample, Sample]]:
        """Both releases without one address, for each of them; alike ones once."""
        both = (_together(self.candidate), _together(self.live))
        addresses = {*self.candidate, *self.live}
        shares = {(_of(self.candidate, it).capped, _of(self.live, it).capped) for it in addresses}
        for own, other in shares:
            yield _less(both[0], own), _less(both[1], other)

    def convicts(self, worse: Callable[[Sample, Sample], bool]) -> bool:
        """Whether the candidate is worse, whichever one address is left out."""
        witnesses = sum(1 for tally in self.candidate.values() if tally.capped[1])
        if witnesses < WITNESSES or not worse(_together(self.candidate), _together(self.live)):
            return False
        return all(worse(*pair) for pair in self.all_but_one())

    def others(self) -> int:
        """Requests of that release which has fewer of them, without the address that sent most."""
        sides = ([tally.requests for tally in side.values()] for side in (self.candidate, self.live))
        return min(sum(side) - max(side, default=0) for side in sides)

    def paces(self) -> tuple[float, float] | None:
        """The time of an answer for a typical address, in milliseconds, of both; None with too few addresses.

        The one that was slowest at the candidate is left out, and the one that was fastest at the other.
        """
        own, other = (
            sorted(it.milliseconds / it.requests for it in side.values() if it.requests)
            for side in (self.candidate, self.live)
        )
        if min(len(own), len(other)) < PACED:
            return None
        return median(own[:-1]), median(other[1:])


def _of(side: Clients, address: str) -> Tally:
    return side.get(address, NOBODY)


def _together(side: Clients) -> Sample:
    capped = [tally.capped for tally in side.values()]
    return Sample(sum(requests for requests, _ in capped), sum(failures for _, failures in capped))


def _less(sample: Sample, one: tuple[int, int]) -> Sample:
    return Sample(sample.requests - one[0], sample.failures - one[1])
