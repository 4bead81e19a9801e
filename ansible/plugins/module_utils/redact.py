"""Keep secrets out of everything that people or files get to see."""

from __future__ import annotations

import json
from typing import Iterable

MASK = "********"
SHORTEST_LINE = 4


def hide(text: str, secrets: Iterable[str]) -> str:
    """``text`` with each secret replaced by a mask.

    Hidden are also the longer lines of a secret with several lines, and a secret the way JSON or Python spell it,
    because applications log their environment like that.
    """
    parts: set[str] = set()
    for secret in filter(str.strip, secrets):
        lines = [line for line in secret.splitlines() if len(line.strip()) >= SHORTEST_LINE]
        for plain in (secret, *lines):
            spellings = (json.dumps(plain), json.dumps(plain, ensure_ascii=False), repr(plain))
            parts |= {plain, *(spelling[1:-1] for spelling in spellings)}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, MASK)
    return text
