"""What Docker could free on a target, so that a refusal can say it. Nothing here removes anything."""

from __future__ import annotations

from typing import Any, Collection, Mapping

MIB = 1024 * 1024
NAMED = 3
"""Images that are named one by one."""


def reclaimable(usage: Mapping[str, Any], image: str, kept: Collection[str]) -> dict[str, Any]:
    """What no container uses, in bytes.

    :param usage: what the Engine tells of its disk usage.
    :param image: repository of our releases.
    :param kept: digests that a ledger on the target tells of: a rollback may need them, so that nobody may be told to
        remove them by hand.
    :returns: ``dangling``, ``unused`` and ``releases``, each with ``count``, ``bytes`` and the ``names`` of the
        largest; ``cache``, the bytes of the build cache; and ``untagged``, whether Docker would take a release for
        one of the dangling images, as it has no tag.
    """
    groups: dict[str, list[tuple[int, str]]] = {"dangling": [], "unused": [], "releases": []}
    untagged = False
    for found in usage.get("Images") or []:
        if found.get("Containers"):
            continue
        names = [name for name in found.get("RepoTags") or [] if name != "<none>:<none>"]
        digests = [name for name in found.get("RepoDigests") or [] if not name.startswith("<none>")]
        ours = any(it.startswith(image + "@") or it.rpartition("@")[2] in kept for it in digests)
        group = "releases" if ours else "unused" if names or digests else "dangling"
        untagged |= ours and not names
        name = (names or digests or [str(found["Id"])[7:19]])[0]
        # Layers that another image has too stay.
        groups[group].append((int(found["Size"]) - max(0, int(found.get("SharedSize") or 0)), name))
    cache = [int(it["Size"]) for it in usage.get("BuildCache") or [] if not it.get("InUse") and not it.get("Shared")]
    return {**{group: _total(images) for group, images in groups.items()}, "cache": sum(cache), "untagged": untagged}


def _total(images: list[tuple[int, str]]) -> dict[str, Any]:
    largest = sorted(images, reverse=True)
    return {
        "count": len(images),
        "bytes": sum(size for size, _ in images),
        "names": [name for _, name in largest[:NAMED]],
    }


def mib(size: int) -> int:
    """Bytes in MiB, rounded up."""
    return -(-size // MIB)


def told(found: Mapping[str, Any]) -> str:
    """What could be freed and how, as phrases with commas between them; empty when there is nothing."""
    if not found:
        return ""
    phrases = []
    dangling, unused, releases = found["dangling"], found["unused"], found["releases"]
    if dangling["bytes"]:
        by_name = f"docker image rm {' '.join(dangling['names'])}"
        phrases.append(
            f"{_images(dangling, 'dangling image')} ({by_name if found['untagged'] else 'docker image prune'})"
        )
    if unused["bytes"]:
        phrases.append(f"{_images(unused, 'unused image')} (docker image rm {' '.join(unused['names'])})")
    if found["cache"]:
        phrases.append(f"{mib(found['cache'])} MiB of build cache (docker builder prune)")
    if releases["bytes"]:
        phrases.append(f"{_images(releases, 'release')} kept for rollbacks (a smaller deploy_keep_releases)")
    return ", ".join(phrases)


def _images(group: Mapping[str, Any], noun: str) -> str:
    return f"{mib(group['bytes'])} MiB of {group['count']} {noun}{'s' if group['count'] > 1 else ''}"
