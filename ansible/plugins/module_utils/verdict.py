from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    WAIT="wait"; GOOD="good"; BAD="bad"
class V:
    outcome=Outcome.GOOD; reason=""
class Policy:
    def __init__(self, **k): pass
class Comparison:
    def __init__(self, p): pass
    def look(self, c, l, w):
        v=V(); v.reason=f"{c.requests} requests, {c.errors} errors"; v.evidence={"requests": c.requests}; return v
def judge_soak(sample, baseline): return V()
