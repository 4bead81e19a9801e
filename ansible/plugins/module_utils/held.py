"""Tags on the images that a target keeps, which Docker takes for unused while all they have is a digest.

An image that is pulled by its digest has no tag, and ``docker image prune`` removes what has none. Each environment has
tags of its own; they exist on the target only, in the repository that the image came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import environment, ledger, retention
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.history import History


def tag(home: str, digest: str) -> str:
    """The tag of an image that an environment, ``<app>-<environment>``, keeps; no two digests share one.

    Docker takes 128 characters.
    """
    return f"{retention.TAG}{home[:55]}-{digest.partition(':')[2]}"


def hold(engine: Engine, image: str, digest: str, home: str) -> None:
    """Give an image of this repository the tag of an environment; nothing happens where it is not there."""
    engine.tag(f"{image}@{digest}", image, tag(home, digest))


def hold_all(engine: Engine, directory: Path, image: str, keep: int, keep_failed: int) -> None:
    """Tag whatever any environment on this target may need, in the repository that its ledger tells and in ``image``.

    A ledger that cannot be trusted is left out: as long as there is one, nothing is pruned, which is told elsewhere.
    """
    here: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(directory.glob(f"*/{environment.LEDGER}")):
        try:
            needed = list(_needed(path, image, keep, keep_failed))
        except (ledger.LedgerDamaged, ValueError):
            continue
        for repository, digest in needed:
            if repository not in here:
                here[repository] = engine.images(repository)
            wanted = f"{repository}:{tag(path.parent.name, digest)}"
            found = [it for it in here[repository] if f"{repository}@{digest}" in (it.get("RepoDigests") or [])]
            if any(wanted not in (it.get("RepoTags") or []) for it in found):
                hold(engine, repository, digest, path.parent.name)


def _needed(path: Path, image: str, keep: int, keep_failed: int) -> Iterator[tuple[str, str]]:
    """Repository and digest of each image that one environment may need."""
    entries = ledger.read(str(path))
    history = History(entries)
    verified, failed = retention.kept_by(path.parent, history, keep, keep_failed)
    digests = {state.digest for state in [*history.protected(verified - 1), *history.failed_states(failed)]}
    told = {(str(entry.get("image") or image), str(entry.get("digest"))) for entry in entries}
    for digest in sorted(digests):
        yield from sorted({(image, digest), *(it for it in told if it[1] == digest)})
