"""The git tag of a release, in a real clone with a bare remote and no git identity."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils.git_tag import (
    Clone,
    GitError,
    Note,
    tag_release,
    without_login,
)

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without any git configuration, as in CI."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, content: str = "one") -> str:
    (folder / "file").write_text(content)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", content)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "origin.git"
    folder.mkdir()
    git(folder, "init", "-q", "--bare")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder)
    return folder


def note(clone: Clone, digest: str = DIGEST, suffix: str = "") -> Note:
    return Note("1.0.42", digest, "registry.example.com/team/myapp", clone.head + suffix)


def test_a_note_reads_as_it_was_written() -> None:
    written = Note("1.0.42", DIGEST, "registry.example.com:5000/team/myapp", "c" * 40 + "-dirty")
    assert Note.parse(written.message()) == written


def test_a_tag_is_annotated_in_the_name_of_the_actor_and_pushed(folder: Path, remote: Path) -> None:
    clone = Clone(str(folder))

    assert tag_release(clone, note(clone), str(remote), "Grace Hopper", dry=False) == (True, True)

    for place in (folder, remote):
        content = git(place, "cat-file", "-p", "1.0.42")
        assert f"digest: {DIGEST}" in content
        assert "tagger Grace Hopper <Grace.Hopper@localhost>" in content
        assert git(place, "rev-parse", "1.0.42^{commit}") == clone.head


def test_a_tag_that_says_the_same_is_left_alone(folder: Path, remote: Path) -> None:
    clone = Clone(str(folder))
    tag_release(clone, note(clone), str(remote), "ada", dry=False)
    before = git(remote, "rev-parse", "1.0.42")

    assert tag_release(clone, note(clone), str(remote), "grace", dry=False) == (False, False)
    assert git(remote, "rev-parse", "1.0.42") == before


def test_a_tag_that_was_made_and_not_pushed_is_pushed(folder: Path, remote: Path) -> None:
    clone = Clone(str(folder))
    tag_release(clone, note(clone), "", "ada", dry=False)

    assert tag_release(clone, note(clone), str(remote), "ada", dry=False) == (False, True)
    assert git(remote, "rev-parse", "1.0.42") == git(folder, "rev-parse", "1.0.42")


def test_a_tag_that_only_the_remote_has_is_read_there(folder: Path, remote: Path, tmp_path: Path) -> None:
    first = Clone(str(folder))
    tag_release(first, note(first), str(remote), "ada", dry=False)
    second = tmp_path / "second"
    git(tmp_path, "clone", "-q", "--no-tags", str(folder), str(second))
    clone = Clone(str(second))

    assert tag_release(clone, note(clone), str(remote), "grace", dry=False) == (False, False)
    assert git(second, "tag") == ""
    with pytest.raises(GitError, match=f"says {DIGEST} and the release is {OTHER}"):
        tag_release(clone, note(clone, OTHER), str(remote), "grace", dry=False)


def test_a_tag_that_holds_another_digest_or_none_is_an_error(folder: Path) -> None:
    clone = Clone(str(folder))
    git(folder, "tag", "1.0.42")
    with pytest.raises(GitError, match="says no digest"):
        tag_release(clone, note(clone), "", "ada", dry=False)


def test_a_dry_run_tells_and_changes_nothing(folder: Path, remote: Path) -> None:
    clone = Clone(str(folder))
    assert tag_release(clone, note(clone), str(remote), "ada", dry=True) == (True, True)
    assert git(folder, "tag") == git(remote, "tag") == ""


def test_a_dirty_build_tags_the_commit_it_started_from(folder: Path) -> None:
    clone = Clone(str(folder))
    tag_release(clone, note(clone, suffix="-dirty"), "", "ada", dry=False)
    assert git(folder, "rev-parse", "1.0.42^{commit}") == clone.head
    assert clone.note(clone.local_tags()["1.0.42"]).commit == f"{clone.head}-dirty"


def test_dirt_is_a_change_below_the_folder_that_git_does_not_ignore(folder: Path) -> None:
    clone = Clone(str(folder))
    (folder / ".gitignore").write_text("ignored\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "ignore")
    (folder / "ignored").touch()
    (folder / "app").mkdir()
    assert not clone.is_dirty(str(folder))

    (folder / "new").touch()
    assert clone.is_dirty(str(folder))
    assert not clone.is_dirty(str(folder / "app"))


def test_what_is_no_checkout_with_a_commit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="is no git checkout with a commit"):
        Clone(str(tmp_path))
    git(tmp_path, "init", "-q")
    with pytest.raises(GitError, match="nothing is committed yet"):
        Clone(str(tmp_path))


def test_a_remote_that_cannot_be_reached_says_how_to_go_on_without(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="keep the tag here with -e build_git_remote") as caught:
        Clone(str(folder)).remote_tags(str(tmp_path / "nowhere.git"))
    assert "\n" not in str(caught.value)


def test_origin_is_the_remote_where_there_is_one(folder: Path, remote: Path) -> None:
    clone = Clone(str(folder))
    assert clone.remote("origin") == ""
    assert clone.remote(str(remote)) == str(remote)
    git(folder, "remote", "add", "origin", str(remote))
    assert clone.remote("origin") == "origin"
    assert clone.remote("") == ""


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://robot:secret@git.example.com/team/app.git", "https://git.example.com/team/app.git"),
        ("https://git.example.com:8443/team/app", "https://git.example.com:8443/team/app"),
        ("git@git.example.com:team/app.git", "git@git.example.com:team/app.git"),
        ("/srv/git/app.git", ""),
        ("../app.git", ""),
    ],
)
def test_the_source_is_a_url_without_a_login(folder: Path, url: str, source: str) -> None:
    git(folder, "remote", "add", "origin", url)
    assert Clone(str(folder)).source() == source


def test_logins_are_taken_out_of_messages() -> None:
    assert without_login("unable to access 'https://me:secret@host/x'") == "unable to access 'https://host/x'"
