"""Keep secrets out of everything that people or files get to see."""

from __future__ import annotations

from typing import Iterable

MASK = "********"


def hide(text: str, secrets: Iterable[str]) -> str:
    """``text`` with each secret, and each line of one with several lines, replaced by a mask."""
    parts = {part for secret in secrets for part in (secret, *secret.splitlines()) if part.strip()}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, MASK)
    return text
