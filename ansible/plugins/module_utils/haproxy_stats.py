from __future__ import annotations

import csv
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class Counters:
    requests: int = 0
    errors: int = 0
    connection_errors: int = 0
    sessions: int = 0
    response_ms: int = 0
    def since(self, e):
        return Counters(self.requests-e.requests, self.errors-e.errors, self.connection_errors-e.connection_errors, self.sessions, self.response_ms)

def rows(text):
    return list(csv.DictReader(io.StringIO(text.lstrip("# "))))

def servers(text, backend, names):
    found = {}
    for r in rows(text):
        if r["pxname"] == backend and r["svname"] in names:
            found[r["svname"]] = Counters(sum(int(r[f"hrsp_{c}"] or 0) for c in ("1xx","2xx","3xx","4xx","5xx","other")), int(r["hrsp_5xx"] or 0), int(r["econ"] or 0)+int(r["eresp"] or 0), int(r["scur"] or 0), int(r["rtime"] or 0))
    return found
