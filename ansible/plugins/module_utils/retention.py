"""What may be pruned from a target: everything of ours that no rollback of any environment may need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import environment, ledger, snapshot
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.history import History


def protected_digests(directory: Path, keep: int, keep_failed: int) -> set[str]:
    """The digests that any environment on this target has live, may roll back to, or keeps to be looked at.

    Staging and production share a VM and its images, so that each ledger below ``directory`` counts.

    :raises LedgerDamaged: a ledger that cannot be trusted protects everything, so nothing may be pruned.
    """
    digests: set[str] = set()
    for path in directory.glob(f"*/{environment.LEDGER}"):
        history = History(ledger.read(str(path)))
        states = [*history.protected(keep), *history.failed_states(keep_failed)]
        digests.update(state.digest for state in states)
    return digests


def others_deploy(directory: Path, home: Path) -> bool:
    """Whether another environment on this target is being deployed, whose fresh image no ledger knows yet."""
    return any(path.parent != home for path in directory.glob(f"*/{environment.LOCK}"))


def prune_images(engine: Engine, image: str, protected: set[str]) -> list[str]:
    """Remove the images of this repository that are neither protected nor used; returns their digests."""
    return [
        digest
        for digest in environment.digests(engine, image)
        if digest not in protected and engine.remove_image(f"{image}@{digest}")
    ]


def prune(engine: Engine, directory: Path, home: Path, image: str, keep: int, keep_failed: int) -> dict[str, Any]:
    """Remove what no rollback needs: configurations of this environment, images of this repository.

    :param keep: verified releases that stay, the live one included, at least 1.
    :param keep_failed: failed attempts whose image and configuration stay to be looked at.
    :returns: ``images`` and ``configurations`` that were removed, and a ``warning``, empty if there is none.
    """
    before_live = keep - 1
    history = History(ledger.read(str(home / environment.LEDGER)))
    configs = {state.config for state in [*history.protected(before_live), *history.failed_states(keep_failed)]}
    configurations = snapshot.prune(str(home), configs)
    removed: list[str] = []
    warning = ""
    try:
        if not others_deploy(directory, home):
            removed = prune_images(engine, image, protected_digests(directory, before_live, keep_failed))
    except (ledger.LedgerDamaged, ValueError) as error:
        warning = f"No image was pruned, because a ledger cannot be trusted: {error}"
    return {"images": removed, "configurations": configurations, "warning": warning}
