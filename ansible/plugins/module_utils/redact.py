"""Keep secrets out of everything that people or files get to see."""

from __future__ import annotations

from typing import Iterable

MASK = "********"
SHORTEST_LINE = 4


def hide(text: str, secrets: Iterable[str]) -> str:
    """``text`` with each secret, and each longer line of one with several lines, replaced by a mask."""
    parts = {secret for secret in secrets if secret.strip()}
    parts |= {line for secret in secrets for line in secret.splitlines() if len(line.strip()) >= SHORTEST_LINE}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, MASK)
    return text
