"""Whether a build number is built, reused or refused."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.core.plugins.module_utils.git_tag import Note
from ansible_collections.slipway.core.plugins.module_utils.registry import Image
from ansible_collections.slipway.core.plugins.module_utils.reuse import Known, Refused, is_reused
from ansible_collections.slipway.core.plugins.module_utils.version import Version

VERSION = Version("1.0", 42)
HEAD, ELSEWHERE = "a" * 40, "b" * 40
DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
PUBLISHED = Image.labelled(DIGEST, version="1.0.42", revision=HEAD)


def note(digest: str) -> Note:
    return Note("1.0.42", digest, "registry.example.com/team/myapp", HEAD)


def reused(published: Image | None, build: str = "", notes: tuple[str, ...] = (), dirty: bool = False) -> bool:
    return is_reused(VERSION, Known(published, build, [note(digest) for digest in notes]), HEAD, dirty, 43)


def test_a_new_number_is_built_even_from_a_dirty_checkout() -> None:
    assert not reused(None)
    assert not reused(None, dirty=True)


def test_the_same_number_from_the_same_commit_is_reused() -> None:
    assert reused(PUBLISHED)
    assert reused(PUBLISHED, build=DIGEST, notes=(DIGEST, DIGEST))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"published": PUBLISHED, "dirty": True}, "has uncommitted changes"),
        (
            {"published": Image.labelled(DIGEST, revision=ELSEWHERE)},
            "built from commit bbbbbbb, and this checkout is at commit aaaaaaa",
        ),
        ({"published": Image.labelled(DIGEST, revision=f"{HEAD}-dirty")}, "built from commit aaaaaaa-dirty"),
        ({"published": Image(DIGEST)}, "built from an unknown commit"),
        ({"published": PUBLISHED, "notes": (OTHER,)}, "says sha256:222222222222 and the registry has sha256:1"),
        ({"published": PUBLISHED, "notes": (DIGEST, OTHER)}, "says sha256:222222222222"),
        ({"published": None, "notes": (DIGEST,)}, "the registry has no such version"),
        ({"published": None, "notes": ("",)}, "says no digest"),
        ({"published": PUBLISHED, "build": OTHER}, "build-42 belongs to another release"),
        ({"published": None, "build": OTHER}, "build-42 belongs to another release"),
    ],
)
def test_a_number_that_means_something_else_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(Refused) as caught:
        reused(**arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert str(caught.value).endswith("leave build_number out to build 1.0.43.")
