"""Requests at a steady pace, however slow the answers are, and what became of each.

``python -m bench.prober http://127.0.0.1:8080/version`` asks until Ctrl-C.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import math
import sys
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType

INTERVAL = 0.05
TIMEOUT = 2.0
WORKERS = 64


@dataclass(frozen=True)
class Answer:
    """One request: when it was sent (seconds since the epoch), how long it took, which version answered.

    :param trouble: why it failed (``status 503``, ``refused``, ``reset``, ``timeout``, ``version 1.0.3``); empty
        when it did not.
    """

    sent: float
    seconds: float
    version: str
    trouble: str

    @property
    def done(self) -> float:
        """When it was over, in seconds since the epoch."""
        return self.sent + self.seconds


class Prober:
    """Asks a URL every ``interval`` seconds on a new connection, from entering the context until leaving it.

    :param url: answers JSON with a ``version``.
    :param versions: those that may answer; empty for any.
    """

    def __init__(self, url: str, versions: Collection[str] = (), interval: float = INTERVAL) -> None:
        parts = urllib.parse.urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path or "/"
        self._versions = frozenset(versions)
        self._interval = interval
        self._answers: list[Answer] = []
        self._over = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
        self._pacer = threading.Thread(target=self._pace, daemon=True)

    def __enter__(self) -> Prober:
        self._pacer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._pacer.join()
        self._pool.shutdown()

    def answers(self) -> list[Answer]:
        """Every request that is over, in the order in which they ended.

        A request that is sent while nothing listens may wait, and be answered by the next container after others
        that were sent later have failed.
        """
        return sorted(self._answers, key=lambda answer: answer.done)

    def _pace(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            self._pool.submit(self._ask)
            due += self._interval

    def _ask(self) -> None:
        sent, began = time.time(), time.monotonic()
        version, trouble = self._request()
        self._answers.append(Answer(sent, time.monotonic() - began, version, trouble))

    def _request(self) -> tuple[str, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", self._path)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != http.client.OK:
                return "", f"status {answer.status}"
            version = str(json.loads(content)["version"])
        except ConnectionRefusedError:
            return "", "refused"
        except TimeoutError:
            return "", "timeout"
        except (OSError, http.client.HTTPException):
            return "", "reset"
        except (ValueError, KeyError, TypeError):
            return "", "no version"
        finally:
            connection.close()
        return version, f"version {version}" if self._versions and version not in self._versions else ""


def outages(answers: list[Answer]) -> list[list[Answer]]:
    """Failed requests in groups: those without a good one between them."""
    groups: list[list[Answer]] = []
    failing = False
    for answer in answers:
        if answer.trouble and failing:
            groups[-1].append(answer)
        elif answer.trouble:
            groups.append([answer])
        failing = bool(answer.trouble)
    return groups


def unexplained(answers: list[Answer], switches: Collection[tuple[float, float]], late: float) -> list[Answer]:
    """Failed requests that were not under way in any switch.

    A switch lasts from the stop of one container until the first good answer after the start of the next. A request
    that was sent while nothing listened may fail long after that, when its own time is over.

    :param switches: when a container was told to stop, and when the next one had been started; seconds since the epoch.
    :param late: seconds by which Docker may tell of a stop later than the container noticed it.
    """
    good = [answer.done for answer in answers if not answer.trouble]
    spans = [(stop, min((done for done in good if done > start), default=math.inf)) for stop, start in switches]
    return [
        answer
        for answer in answers
        if answer.trouble and not any(answer.done >= stop - late and answer.sent <= over for stop, over in spans)
    ]


def summary(answers: list[Answer]) -> str:
    """One line: requests, failures by kind, each outage's length, the slowest good answer, who answered."""
    troubles = Counter(answer.trouble for answer in answers if answer.trouble)
    versions = Counter(answer.version for answer in answers if answer.version)
    gaps = [f"{group[-1].done - group[0].sent:.2f} s" for group in outages(answers)]
    slowest = max((answer.seconds for answer in answers if not answer.trouble), default=0.0)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(troubles.items()))
    return (
        f"{len(answers)} requests, {sum(troubles.values())} failed{f' ({kinds})' if kinds else ''}; "
        f"outages: {', '.join(gaps) or 'none'}; slowest {slowest:.2f} s; "
        f"answered by {', '.join(f'{name} ({count})' for name, count in sorted(versions.items())) or 'nobody'}"
    )


def main() -> int:
    """Ask the URL on the command line until Ctrl-C, then print the summary; returns the exit code."""
    with Prober(sys.argv[1]) as prober, contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    print(summary(prober.answers()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
