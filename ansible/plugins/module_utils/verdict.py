from __future__ import annotations
from enum import Enum
class Outcome(Enum):
    WAIT="wait"; GOOD="good"; BAD="bad"
class V:
    outcome=Outcome.GOOD; reason=""
def judge_soak(sample, baseline): return V()
