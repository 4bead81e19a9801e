"""What HAProxy's ``show stat`` says of one server: how many requests it got, and how many of them failed.

The columns are those of the HAProxy 2.6 management guide, section 9.1. What the guide leaves open was tried with
HAProxy 2.6.12; these are the counters of a *server*, and the tests hold real output of each case:

* A 502, 503 or 504 that HAProxy answers in a server's stead is in ``hrsp_5xx`` of the backend and frontend only. Of
  the server it is one ``econ`` (nothing accepted the connection, after all retries) or ``eresp`` (it closed without an
  answer, answered garbage, or took longer than ``timeout server``). A 5xx that the server sent is in ``hrsp_5xx`` only.
* A connection that the server *resets* before it answers is counted twice in ``eresp``.
* An answer that the server breaks off counts by its status, in ``eresp``, and in ``srv_abrt``. ``srv_abrt`` without
  ``eresp`` is nobody's fault: clients that left, tunnels that were idle for too long.
* With ``option redispatch``, a request that another server took over is neither ``econ`` nor ``eresp`` of the first
  one, only ``wredis``; its client noticed nothing, but the server did fail it.
* A client that leaves is only in ``cli_abrt``; HAProxy lets the server finish and counts its answer.
* ``hrsp_1xx`` and ``req_tot`` count interim answers (100, 103) beside the final one, so neither says how many requests
  there were. WebSocket handshakes (101) cannot be told from them and so do not count as requests here, unless they
  fail.
* ``stot`` counts each attempt of each request, ``lbtot`` misses requests that a cookie or ``use-server`` sent.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from typing import Sequence

from ansible_collections.slipway.core.plugins.module_utils.crowd import Sample

Rows = dict[tuple[str, str], dict[str, str]]

ANSWERS = ("hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
FAULTS = ("econ", "eresp", "wredis")
GAUGES = ("sessions", "response_ms")


@dataclass(frozen=True)
class Counters:
    """The counters of one server since HAProxy started, or between two moments (see :meth:`since`).

    :param requests: final HTTP answers of the server.
    :param errors: those with a status of 5xx.
    :param connection_errors: ``econ``, ``eresp`` and ``wredis`` together; may count a request twice or one that
        ``requests`` counts too, so use :attr:`failures` and :attr:`total`.
    :param sessions: requests in progress now, WebSockets included.
    :param response_ms: average time to the answer's headers, in milliseconds: of all requests up to 1024, then a
        moving average, which in HAProxy 2.6 had forgotten two thirds after about 500 requests. Requests without an
        answer, timeouts too, are not in it.
    :param aborts: ``srv_abrt``, answers that broke off for whatever reason.
    :param attempts: ``stot``, requests sent here and retries; no request is without one.
    """

    requests: int
    errors: int
    connection_errors: int
    sessions: int
    response_ms: float
    aborts: int
    attempts: int

    def since(self, earlier: Counters) -> Counters:
        """What happened after ``earlier``; the gauges ``sessions`` and ``response_ms`` are as they are now.

        HAProxy starts with zeros after a restart or reload: where any counter is lower than before, everything counts
        since then. What happened between ``earlier`` and the restart is lost, and a restart whose counters have
        passed the earlier ones already is not noticed.
        """
        counted = [field.name for field in fields(self) if field.name not in GAUGES]
        change = {name: getattr(self, name) - getattr(earlier, name) for name in counted}
        if min(change.values()) < 0:
            return self
        # The requests in progress then may have ended since, without an attempt of their own.
        change["attempts"] += earlier.sessions
        return Counters(sessions=self.sessions, response_ms=self.response_ms, **change)

    @property
    def _unanswered(self) -> int:
        """Requests that got no answer from this server: not more than those that were sent and not answered."""
        return max(0, min(self.connection_errors, self.attempts - self.requests))

    @property
    def total(self) -> int:
        """Requests that have been answered or have failed."""
        return self.requests + self._unanswered

    @property
    def failures(self) -> int:
        """Requests that failed: a status of 5xx, no answer, or an answer that broke off."""
        broken_off = min(self.connection_errors - self._unanswered, self.aborts)
        return min(self.total, self.errors + self._unanswered + broken_off)

    def sample(self) -> Sample:
        """The same for a verdict."""
        return Sample(self.total, self.failures, self.response_ms)


def parse(text: str) -> Rows:
    """The rows of ``show stat``, by the names of proxy and server.

    :raises ValueError: this is no such output, or a row is incomplete or there twice.
    """
    lines = csv.reader(io.StringIO(text.strip()))
    header = next(lines, [])
    if header[:2] != ["# pxname", "svname"]:
        raise ValueError(f"this is no output of HAProxy's show stat: it begins with {text.strip()[:40]!r}")
    header[0] = "pxname"
    rows: Rows = {}
    for line in lines:
        if len(line) != len(header):
            raise ValueError(
                f"line {lines.line_num} of HAProxy's statistics has {len(line)} fields instead of {len(header)}"
            )
        name = (line[0], line[1])
        if name in rows:
            raise ValueError(f"HAProxy's statistics have {'/'.join(name)} twice")
        rows[name] = dict(zip(header, line))
    return rows


def counters(rows: Rows, pxname: str, svname: str) -> Counters:
    """The counters of one server of one backend.

    :raises ValueError: there is no such server, it is no server but a frontend or backend (which count otherwise),
        or a counter is missing.
    """
    name = f"{pxname}/{svname}"
    row = rows.get((pxname, svname))
    if row is None:
        servers = ", ".join(sorted("/".join(key) for key in rows if key[0] == pxname)) or "nothing of this backend"
        raise ValueError(f"HAProxy knows no server {name}; it has {servers}")
    if row.get("type") != "2":
        raise ValueError(f"{name} is no server in HAProxy's statistics")
    return Counters(
        requests=sum(_number(row, name, column) for column in ANSWERS),
        errors=_number(row, name, "hrsp_5xx"),
        connection_errors=sum(_number(row, name, column) for column in FAULTS),
        sessions=_number(row, name, "scur"),
        response_ms=float(_number(row, name, "rtime")),
        aborts=_number(row, name, "srv_abrt"),
        attempts=_number(row, name, "stot"),
    )


def together(rows: Rows, pxname: str, svnames: Sequence[str]) -> Counters:
    """The counters of several servers that are one application's, of which one at a time is not disabled.

    What HAProxy does not know is left out, unless it knows none of them.

    :raises ValueError: as for :func:`counters`.
    """
    known = [name for name in svnames if (pxname, name) in rows] or svnames[:1]
    each = [counters(rows, pxname, name) for name in known]
    enabled = [it for name, it in zip(known, each) if not rows[pxname, name].get("status", "").startswith("MAINT")]
    counted = [field.name for field in fields(Counters) if field.name != "response_ms"]
    sums = {name: sum(getattr(it, name) for it in each) for name in counted}
    return Counters(response_ms=(enabled or each)[0].response_ms, **sums)


def _number(row: dict[str, str], name: str, column: str) -> int:
    value = row.get(column, "")
    # isdigit() alone is true of digits such as ², which int() refuses.
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"HAProxy's statistics of {name} have no number in {column}: {value!r}")
    return int(value)
