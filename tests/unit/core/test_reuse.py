"""Whether a build number is built, reused or refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils.git_tag import Note
from ansible_collections.slipway.core.plugins.module_utils.reuse import Known, Refused, is_reused
from ansible_collections.slipway.core.plugins.module_utils.version import Version

VERSION = Version("1.0", 42)
HEAD, ELSEWHERE = "a" * 40, "b" * 40
DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def note(digest: str, commit: str = HEAD) -> Note:
    return Note("1.0.42", digest, "registry.example.com/team/myapp", commit)


def reused(*notes: Note, dirty: bool = False, **known: Any) -> bool:
    return is_reused(VERSION, Known(list(notes), **known), HEAD, dirty, 43)


def test_a_new_number_is_built_even_from_a_dirty_checkout() -> None:
    assert not reused()
    assert not reused(dirty=True)


def test_a_build_that_was_killed_after_its_push_is_made_again() -> None:
    assert not reused(build_digest=DIGEST)


def test_the_same_number_from_the_same_commit_is_reused() -> None:
    assert reused(note(DIGEST), published=DIGEST)
    assert reused(note(DIGEST), note(DIGEST), published=DIGEST, build_digest=DIGEST)


def test_a_release_whose_tags_did_not_come_to_be_is_completed() -> None:
    assert reused(note(DIGEST), present=True, build_digest=DIGEST)


@pytest.mark.parametrize(
    ("notes", "known", "words"),
    [
        ((), {"published": DIGEST}, "neither a git tag nor a release record says that it was built here"),
        ((), {"published": DIGEST, "build_digest": DIGEST}, "neither a git tag nor a release record"),
        ((DIGEST,), {"published": DIGEST, "dirty": True}, "has uncommitted changes"),
        ((OTHER,), {"published": DIGEST}, "says sha256:222222222222 and the registry has sha256:1"),
        ((OTHER,), {"published": DIGEST, "present": True}, "says sha256:222222222222 and the registry has sha256:1"),
        ((DIGEST, OTHER), {"published": DIGEST}, "says sha256:222222222222"),
        ((DIGEST, OTHER), {"present": True}, "says sha256:222222222222"),
        ((DIGEST,), {}, "the registry has no such version"),
        (("",), {}, "says no digest"),
        ((DIGEST,), {"published": DIGEST, "build_digest": OTHER}, "build-42 belongs to another release"),
        ((), {"build_digest": OTHER, "build_taken": True}, "build-42 belongs to another release"),
    ],
)
def test_a_number_that_means_something_else_is_refused(
    notes: tuple[str, ...], known: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused) as caught:
        reused(*map(note, notes), **known)
    assert words in str(caught.value)
    assert str(caught.value).endswith("leave build_number out to build 1.0.43.")


@pytest.mark.parametrize(
    ("commit", "words"),
    [
        (ELSEWHERE, "built from commit bbbbbbb, and this checkout is at commit aaaaaaa"),
        (f"{HEAD}-dirty", "built from commit aaaaaaa-dirty"),
        ("", "built from an unknown commit"),
    ],
)
def test_the_same_number_from_another_commit_is_refused(commit: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        reused(note(DIGEST, commit), published=DIGEST)
