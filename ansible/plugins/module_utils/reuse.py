"""Whether a build number is built, or reused, or refused: from what registry and git say about it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.slipway.core.plugins.module_utils.git_tag import Note
from ansible_collections.slipway.core.plugins.module_utils.registry import Image
from ansible_collections.slipway.core.plugins.module_utils.version import Version


class Refused(Exception):
    """The build number cannot be built; the message is one sentence: the cause and what to do."""


@dataclass(frozen=True)
class Known:
    """What there is under a version before it is built.

    :param published: the image with the version's tag.
    :param build_digest: digest of the image with the build's tag; empty when there is none.
    :param notes: what the git tag of that name says, here and at the remote.
    """

    published: Image | None
    build_digest: str
    notes: list[Note]


def is_reused(version: Version, known: Known, head: str, dirty: bool, following: int) -> bool:
    """Whether the image of ``version`` is there already and is what this checkout would give.

    :param head: full id of the commit to build from.
    :param dirty: whether the checkout differs from it.
    :param following: the next free build number.
    :raises Refused: something else has the version, its build number, or its git tag.
    """
    other = f"leave build_number out to build {version.series}.{following}"
    published = known.published
    digest = published.digest if published else ""
    for note in known.notes:
        if note.digest != digest or not published:
            holds = _short(note.digest) if note.digest else "no digest"
            there = f"the registry has {_short(digest)}" if published else "the registry has no such version"
            raise Refused(f"The git tag {version} says {holds} and {there}: {other}.")
    if known.build_digest and known.build_digest != digest:
        raise Refused(f"The tag {version.build_tag} belongs to another release in the registry: {other}.")
    if not published:
        return False
    if dirty:
        raise Refused(
            f"{version} is in the registry already, and this checkout has uncommitted changes: commit them, "
            f"and {other}."
        )
    built_from = published.label("revision")
    if built_from != head:
        raise Refused(
            f"{version} is in the registry already, built from {_commit(built_from)}, and this checkout is "
            f"at {_commit(head)}: {other}."
        )
    return True


def _short(digest: str) -> str:
    return digest[:19]


def _commit(revision: str) -> str:
    if not revision:
        return "an unknown commit"
    commit, dash, dirty = revision.partition("-")
    return f"commit {commit[:7]}{dash}{dirty}"
