"""How a release is shipped, and which front it brings along: decided once under the lock.

What a release was shipped with is asked of the ledger's entry that is gone back to, and of no variable of today, which
may speak of another repository, another strategy, or another port by now.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import front_snapshot, labels
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front
from ansible_collections.slipway.core.plugins.module_utils.history import History

CHANGES_NONE = ("maintenance", "abort")
RECREATE, BLUE_GREEN, CANARY = STRATEGIES = ("recreate", "blue_green", "canary")


def strategy(params: dict[str, Any], history: History, target: dict[str, Any] | None) -> str:
    """The strategy of a run: for one that is gone back to that of its entry, as far as what serves allows.

    Where a proxy has the public port it keeps that, since it would have to close it to give it away.

    :param target: the ledger's entry that is gone back to, or of the canary that is promoted.
    """
    asked = str(params["strategy"])
    if target is None or params["kind"] not in ("rollback", "promote"):
        return asked
    proxied = BLUE_GREEN if asked == RECREATE else asked
    if params["kind"] == "promote":
        return proxied
    if (history.live() or {}).get("slot") in labels.BEHIND_PROXY:
        told = str(target.get("strategy") or proxied)
        return BLUE_GREEN if told == RECREATE else told
    unnamed = RECREATE if target.get("slot") == labels.PUBLIC else proxied
    return str(target.get("strategy") or unnamed)


@dataclass(frozen=True)
class Choice:
    """What is asked for.

    :param front: None where no proxy owns the public port, or where nothing but the ledger tells of it.
    :param hash: of it; None where the ledger does not tell.
    :param certificate: its fingerprint.
    """

    front: Front | None
    hash: str | None
    certificate: str = ""

    @property
    def name(self) -> str | None:
        """As it is kept."""
        return front_snapshot.of_entry({"front": self.hash, "certificate": self.certificate})

    @property
    def settings(self) -> dict[str, Any] | None:
        """By variable without secrets, None where they are not known."""
        return front_snapshot.public(self.front)


def choose(
    params: dict[str, Any], home: Path, history: History, target: dict[str, Any] | None, check_mode: bool
) -> Choice:
    """The front that is asked for, kept from here on.

    A rollback and a promotion bring theirs along, but for the certificate: as with logins, today's is the one that is
    valid. One whose entry does not tell leaves the front that the live release has, and where that is not known either,
    it is the one given.

    :param params: with the strategy of the run.
    :raises SnapshotDamaged: theirs is not as it was written.
    """
    live = history.live()
    if params["kind"] in CHANGES_NONE:
        told = (live or {}).get("front")
        return Choice(None, told, str((live or {}).get("certificate") or "") if told is not None else "")
    if params["strategy"] == RECREATE:
        return Choice(None, front_snapshot.NONE)
    chosen = given = front_snapshot.asked(params["front"], params["certificate"])
    if params["kind"] != "deploy":
        kept = [front_snapshot.find(home, front_snapshot.of_entry(target))]
        kept += [front_snapshot.kept(home, front_snapshot.of_entry(live))]
        chosen = next((_renewed(it, given) for it in kept if it), given)
    if chosen is None:
        return Choice(None, front_snapshot.NONE)
    if not check_mode:
        front_snapshot.write(home, chosen)
    return Choice(chosen, chosen.hash, chosen.shown)


def _renewed(kept: Front, given: Front | None) -> Front:
    if kept.certificate and given and given.certificate:
        return Front(kept.settings, kept.config, given.certificate)
    return kept
