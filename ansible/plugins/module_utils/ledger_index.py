"""What has been verified of a long ledger already, so that not every run parses all of it again.

``<ledger>.index`` has two lines: a header with the number of bytes of the ledger that it covers, their SHA-256 and that
of the second line; and the entries of those bytes, without their evidence, which only few entries are ever asked for.
It is trusted for exactly those bytes: a ledger with one other byte among them is verified from its first line.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import Any

Entry = dict[str, Any]

# So many lines are parsed at most, which takes a few hundredths of a second.
EVERY = 500
LEFT_OUT = "evidence"


def load(path: str, content: bytes) -> tuple[list[Entry], int]:
    """The entries of the first bytes of a ledger, and how many bytes these are; none where no index vouches for them.

    :param content: of the ledger.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        with open(_name(path), "rb") as file:
            first, entries = file.read().split(b"\n", 1)
        header = json.loads(first)
        covered = memoryview(content)[: header["size"]]
        if (len(covered), _hash(covered), _hash(entries)) == (header["size"], header["sha256"], header["entries"]):
            return json.loads(entries), header["size"]
    return [], 0


def keep(path: str, content: bytes, entries: list[Entry], covered: int) -> None:
    """Write the index anew when it lags behind by EVERY entries. It may be lost: that costs time, and nothing else.

    :param content: of the ledger, all of it verified.
    :param covered: how many of the entries the index covers now.
    """
    if len(entries) - covered < EVERY:
        return
    slim = [{name: value for name, value in entry.items() if name != LEFT_OUT} for entry in entries]
    body = json.dumps(slim, separators=(",", ":")).encode("ascii")
    header = {"size": len(content), "sha256": _hash(content), "entries": _hash(body)}
    new = f"{_name(path)}.new"
    with contextlib.suppress(OSError):
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(json.dumps(header).encode("ascii") + b"\n" + body)
        os.replace(new, _name(path))


def _name(path: str) -> str:
    return f"{path}.index"


def _hash(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()
