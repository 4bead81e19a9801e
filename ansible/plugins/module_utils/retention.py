"""What may be pruned from a target: everything of ours that no rollback of any environment may need."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import environment, front_snapshot, ledger, lock, snapshot
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.history import History

TAG = "slipway-"
"""How the tags begin that hold an image on the target."""


def remember(home: Path, keep: int, keep_failed: int) -> None:
    """Write down how much an environment keeps, for those that share its machine and prune the same repository."""
    path = home / environment.RETENTION
    content = ledger.canonical({"keep": keep, "keep_failed": keep_failed}) + b"\n"
    with ledger.exclusive(str(path)):
        if not path.exists() or path.read_bytes() != content:
            ledger.write_durably(str(path), content)


def kept_by(home: Path, history: History, keep: int, keep_failed: int) -> tuple[int, int]:
    """How many verified releases and failed attempts an environment keeps; the numbers given where it never said.

    Its file is proven by nobody, so that it may add to what its ledger tells, and takes nothing from it.

    :raises ValueError: its file is damaged.
    """
    path = home / environment.RETENTION
    recorded = history.retention()
    try:
        told = json.loads(path.read_bytes())
        said = int(told["keep"]), int(told["keep_failed"])
    except FileNotFoundError:
        return recorded or (keep, keep_failed)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise ValueError(f"{path} is damaged: remove it, and deploy to that environment once") from None
    least = recorded or said
    return max(said[0], least[0]), max(said[1], least[1])


def protected_digests(directory: Path, keep: int, keep_failed: int) -> set[str]:
    """The digests that any environment on this target has live, may roll back to, or keeps to be looked at.

    Staging and production share a VM and its images, so that each ledger below ``directory`` counts, and each by its
    own numbers.

    :raises LedgerDamaged: a ledger that cannot be trusted protects everything, so nothing may be pruned.
    :raises ValueError: what an environment keeps is not known.
    """
    digests: set[str] = set()
    for path in directory.glob(f"*/{environment.LEDGER}"):
        history = History(ledger.read(str(path)))
        verified, failed = kept_by(path.parent, history, keep, keep_failed)
        states = [*history.protected(verified - 1), *history.failed_states(failed)]
        digests.update(state.digest for state in states)
    return digests


def others_deploy(directory: Path, home: Path, now: datetime) -> bool:
    """Whether another environment on this target is being deployed, whose fresh image no ledger knows yet.

    A lock whose lease has ended is that of a run that has ended, or has lost it.
    """
    return any(_is_held(path, now) for path in directory.glob(f"*/{environment.LOCK}") if path.parent != home)


def _is_held(path: Path, now: datetime) -> bool:
    try:
        held = lock.read(str(path))
    except lock.LockDamaged:
        return True
    return held is not None and not held.expired(now)


def let_go(engine: Engine, image: str, digest: str) -> bool:
    """Remove an image of this repository with the tags that held it; False while a container uses it.

    The tags go first: Docker would take a digest from an image in use as long as that has a tag too, and takes it along
    with the last tag of its repository.
    """
    reference = f"{image}@{digest}"
    found = engine.image(reference) or {}
    for name in found.get("RepoTags") or []:
        if name.startswith(f"{image}:{TAG}") and not engine.remove_image(name):
            return False
    return engine.remove_image(reference) or not engine.has_image(reference)


def repositories(directory: Path, image: str) -> list[str]:
    """The repositories that releases of any environment on this target came from, and ``image``.

    :raises LedgerDamaged: one cannot be trusted.
    """
    entries = [entry for path in directory.glob(f"*/{environment.LEDGER}") for entry in ledger.read(str(path))]
    return sorted({image, *(str(entry["image"]) for entry in entries if entry.get("image"))})


def prune_images(engine: Engine, images: list[str], protected: set[str]) -> list[str]:
    """Remove the images of these repositories that are neither protected nor used; returns their digests."""
    return [
        digest
        for image in images
        for digest in environment.digests(engine, image)
        if digest not in protected and let_go(engine, image, digest)
    ]


def prune(
    engine: Engine, directory: Path, home: Path, image: str, keep: int, keep_failed: int, now: datetime
) -> dict[str, Any]:
    """Remove what no rollback needs: configurations and fronts of this environment, images of the repositories that
    releases came from.

    :param image: today's repository.
    :param keep: verified releases that stay, the live one included, at least 1.
    :param keep_failed: failed attempts whose image and configuration stay to be looked at.
    :returns: ``images`` and ``configurations`` that were removed, and a ``warning``, empty if there is none.
    """
    remember(home, keep, keep_failed)
    history = History(ledger.read(str(home / environment.LEDGER)))
    configs = {state.config for state in [*history.protected(keep - 1), *history.failed_states(keep_failed)]}
    configurations = snapshot.prune(str(home), configs)
    front_snapshot.prune(home, {front_snapshot.of_entry(entry) for entry in history.protected_entries(keep - 1)})
    removed: list[str] = []
    warning = ""
    try:
        if not others_deploy(directory, home, now):
            protected = protected_digests(directory, keep, keep_failed)
            removed = prune_images(engine, repositories(directory, image), protected)
    except (ledger.LedgerDamaged, ValueError) as error:
        warning = f"No image was pruned, because what must stay is not known: {error}"
    return {"images": removed, "configurations": configurations, "warning": warning}
