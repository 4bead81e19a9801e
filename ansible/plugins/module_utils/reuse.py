"""Whether a build number is built, or reused, or refused: from what registry and git say about it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.slipway.core.plugins.module_utils.git_tag import Note
from ansible_collections.slipway.core.plugins.module_utils.version import Version


class Refused(Exception):
    """The build number cannot be built; the message is one sentence: the cause and what to do."""


@dataclass(frozen=True)
class Known:
    """What there is under a version before it is built.

    :param notes: our own records of it: what its git tag says, here and at the remote, and the release record.
    :param published: digest that the version's tag names in the registry; empty when there is none.
    :param present: whether the registry has what the first of ``notes`` says.
    :param build_digest: digest that the build's tag names in the registry; empty when there is none.
    :param build_taken: whether a version of another series has this build number.
    """

    notes: list[Note]
    published: str = ""
    present: bool = False
    build_digest: str = ""
    build_taken: bool = False


def is_reused(version: Version, known: Known, head: str, dirty: bool, following: int) -> bool:
    """Whether ``version`` is built already and is what this checkout would give.

    Our own records say so. What the registry has under a name may come from anybody, whatever its labels say.

    :param head: full id of the commit to build from.
    :param dirty: whether the checkout differs from it.
    :param following: the next free build number.
    :raises Refused: something else has the version, its build number, or its git tag.
    """
    other = f"leave build_number out to build {version.series}.{following}"
    published = known.published
    for note in known.notes:
        there = published or (known.notes[0].digest if known.present else "")
        if not note.digest or note.digest != there:
            holds = _short(note.digest) if note.digest else "no digest"
            found = f"the registry has {_short(there)}" if there else "the registry has no such version"
            raise Refused(f"The git tag {version} says {holds} and {found}: {other}.")
    if known.build_taken or (known.notes and known.build_digest not in ("", known.notes[0].digest)):
        raise Refused(f"The tag {version.build_tag} belongs to another release in the registry: {other}.")
    if not known.notes:
        if published:
            raise Refused(
                f"{version} is in the registry already, and neither a git tag nor a release record says that it was "
                f"built here: {other}."
            )
        return False
    if dirty:
        raise Refused(
            f"{version} is in the registry already, and this checkout has uncommitted changes: commit "
            f"them, and {other}."
        )
    built_from = known.notes[0].commit
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
