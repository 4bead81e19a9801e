"""Which release a version means: what the git tag says, whatever the registry's tag names by now."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils.git_tag import Clone, Note, tag_release
from ansible_collections.slipway.core.plugins.module_utils.registry import RegistryError
from ansible_collections.slipway.core.plugins.module_utils.release import find
from fake_registry import PASSWORD, USERNAME, FakeRegistry, make_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pair: tuple[Path, Path] = make_certificate(tmp_path_factory.mktemp("tls"))
    return pair


@pytest.fixture
def fake(certificate: tuple[Path, Path]) -> Iterator[FakeRegistry]:
    registry = FakeRegistry(*certificate)
    yield registry
    registry.close()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True)
    return Clone(str(tmp_path))


def record(clone: Clone, fake: FakeRegistry, version: str, digest: str) -> None:
    tag_release(clone, Note(version, digest, fake.image, clone.head), "", "ada", dry=False)


def found(fake: FakeRegistry, folder: Path, version: str = "", digest: str = "") -> tuple[str, str]:
    told = find(
        {
            "image": fake.image,
            "username": USERNAME,
            "password": PASSWORD,
            "ca_file": fake.ca_file,
            "timeout": 5.0,
            "series": "1.0",
            "version": version,
            "digest": digest,
            "repository": str(folder),
            "next_build": False,
        }
    )
    return told["release"]["digest"], told["story"]


def test_a_version_is_the_digest_that_its_git_tag_says(fake: FakeRegistry, clone: Clone, tmp_path: Path) -> None:
    ours = fake.add_image("1.0.42", version="1.0.42")
    record(clone, fake, "1.0.42", ours)
    fake.add_image("1.0.42", version="1.0.42", source="elsewhere")
    assert found(fake, tmp_path, "1.0.42")[0] == ours
    assert found(fake, tmp_path)[0] == ours


def test_what_somebody_placed_under_a_newer_version_is_not_the_newest(
    fake: FakeRegistry, clone: Clone, tmp_path: Path
) -> None:
    record(clone, fake, "1.0.42", fake.add_image("1.0.42", version="1.0.42"))
    fake.add_image("1.0.43", version="1.0.43", revision=clone.head)
    with pytest.raises(RegistryError, match=r"has 1\.0\.43, and no git tag here says that it is a build of yours"):
        found(fake, tmp_path)


@pytest.mark.usefixtures("clone")
def test_a_version_without_a_git_tag_is_said_to_be_the_registrys_word(fake: FakeRegistry, tmp_path: Path) -> None:
    digest = fake.add_image("1.0.42", version="1.0.42")
    assert found(fake, tmp_path, "1.0.42") == (
        digest,
        f"1.0.42 is {digest[:19]}, as the registry says: no git tag here tells of it",
    )
    assert found(fake, tmp_path, "", digest) == (digest, f"1.0.42 is {digest[:19]}")


def test_a_release_whose_git_tag_was_not_pushed_is_found_by_its_version_only(
    fake: FakeRegistry, clone: Clone, tmp_path: Path
) -> None:
    """Its version has no tag in the registry."""
    older = fake.add_image("1.0.41", version="1.0.41")
    record(clone, fake, "1.0.41", older)
    unpushed = fake.add_image("build-42", version="1.0.42")
    record(clone, fake, "1.0.42", unpushed)
    assert found(fake, tmp_path)[0] == older
    assert found(fake, tmp_path, "1.0.42")[0] == unpushed


def test_a_git_tag_of_another_image_says_nothing(fake: FakeRegistry, clone: Clone, tmp_path: Path) -> None:
    digest = fake.add_image("1.0.42", version="1.0.42")
    tag_release(clone, Note("1.0.42", "sha256:" + "0" * 64, "elsewhere/app", clone.head), "", "ada", dry=False)
    assert found(fake, tmp_path, "1.0.42")[0] == digest


def test_a_digest_that_the_registry_lost_is_told(fake: FakeRegistry, clone: Clone, tmp_path: Path) -> None:
    fake.add_image("1.0.42", version="1.0.42")
    record(clone, fake, "1.0.42", "sha256:" + "0" * 64)
    with pytest.raises(
        RegistryError, match=r"The git tag 1\.0\.42 says sha256:000000000000, .* does not have that"
    ):
        found(fake, tmp_path, "1.0.42")
