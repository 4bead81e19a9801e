"""Which front a run brings along, decided once under the lock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import front_snapshot
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front
from ansible_collections.slipway.core.plugins.module_utils.history import History

CHANGES_NONE = ("maintenance", "abort")


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
        """By variable, None where they are not known."""
        return dict(self.front.settings) if self.front else None


def choose(
    params: dict[str, Any], home: Path, history: History, target: dict[str, Any] | None, check_mode: bool
) -> Choice:
    """The front that is asked for, kept from here on.

    A rollback and a promotion bring theirs along, but for the certificate: as with logins, today's is the one that is
    valid. One whose entry does not tell leaves the front that the live release has, and where that is not known either,
    it is the one given.

    :raises SnapshotDamaged: theirs is not as it was written.
    """
    live = history.live()
    if params["kind"] in CHANGES_NONE:
        told = (live or {}).get("front")
        return Choice(None, told, str((live or {}).get("certificate") or "") if told is not None else "")
    chosen = given = front_snapshot.asked(params["front"], params["certificate"])
    if params["kind"] != "deploy" and given:
        kept = [front_snapshot.find(home, front_snapshot.of_entry(target))]
        kept += [front_snapshot.kept(home, front_snapshot.of_entry(live))]
        chosen = next((_renewed(it, given) for it in kept if it), given)
    if chosen is None:
        return Choice(None, front_snapshot.NONE)
    if not check_mode:
        front_snapshot.write(home, chosen)
    return Choice(chosen, chosen.hash, chosen.shown)


def _renewed(kept: Front, given: Front) -> Front:
    return Front(kept.settings, kept.config, given.certificate) if kept.certificate and given.certificate else kept
