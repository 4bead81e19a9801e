"""What one probe of a health check says: pure judgement of an answer that ``uri`` brought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

SOURCES = ("json", "header", "none")


@dataclass(frozen=True)
class Expectation:
    """What a healthy answer looks like.

    :param statuses: HTTP status codes that mean healthy.
    :param version: the version the answer must tell; empty when any will do.
    :param source: where the answer tells it: ``json`` (a key of the body, dots for nesting), ``header``, or
        ``none`` for applications that do not tell.
    :param key: the JSON key or header name.
    """

    statuses: tuple[int, ...]
    version: str = ""
    source: str = "none"
    key: str = "version"


def told_version(answer: dict[str, Any], source: str, key: str) -> str | None:
    """The version an answer tells, or None when it tells none where it should."""
    if source == "header":
        value = answer.get(key.lower().replace("-", "_"))
        return None if value is None else str(value).strip()
    try:
        found: Any = json.loads(answer.get("content") or "")
    except ValueError:
        return None
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return str(found)


def judge(answer: dict[str, Any], expected: Expectation) -> str:
    """Why an answer of ``ansible.builtin.uri`` is not healthy, in a phrase; empty when it is."""
    status = int(answer.get("status") or -1)
    if status <= 0:
        return f"no answer ({' '.join(str(answer.get('msg', 'connection failed')).split())[:160]})"
    if status not in expected.statuses:
        return f"status {status}"
    if expected.source == "none" or not expected.version:
        return ""
    version = told_version(answer, expected.source, expected.key)
    if version is None:
        return f"status {status}, but no version in {expected.source} {expected.key!r}"
    if version != expected.version:
        return f"version {version} answers instead of {expected.version}"
    return ""
