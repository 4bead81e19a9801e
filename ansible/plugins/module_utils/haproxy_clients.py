"""What HAProxy's ``show table`` says of each client address: what it got from each slot.

The counters are those that the role ``proxy`` keeps in the backend ``answers``: of blue requests and failures, of green
the same, and the milliseconds of both. Failures are a status of 5xx, HAProxy's own when a slot does not answer
included. An answer that breaks off, and one that the other slot gave instead, are not in it.
"""

from __future__ import annotations

import re

from ansible_collections.slipway.core.plugins.module_utils.crowd import Tally

TABLE = "answers"
_PAIR = re.compile(r"\b(key|gpc\d|gpt\d)=(\S+)")


def parse(text: str, slots: tuple[str, ...]) -> dict[str, dict[str, Tally]]:
    """By slot and address what is counted; nothing where HAProxy keeps no such table yet.

    :param slots: in the order of the counters.
    """
    found: dict[str, dict[str, Tally]] = {slot: {} for slot in slots}
    for line in text.splitlines():
        pairs = dict(_PAIR.findall(line))
        if "key" not in pairs:
            continue
        for number, slot in enumerate(slots):
            requests, failures = (int(pairs.get(f"gpc{2 * number + offset}", 0)) for offset in (0, 1))
            spent = int(pairs.get(f"gpt{number}", 0))
            found[slot][pairs["key"]] = Tally(requests, min(requests, failures), spent)
    return found
