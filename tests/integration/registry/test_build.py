"""build.yml for real: Docker Engine, the lab's registry with TLS and login, a git remote."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Project, Run


@pytest.fixture(scope="module")
def first(project: Project) -> Run:
    """Build 42, the first of its repository, told in every detail."""
    return project.build("-vvv", watched=True, build_number="42")


@pytest.fixture
def another_commit(project: Project) -> Iterator[str]:
    """The project one commit further; it is back where it was afterwards."""
    before = project.git("rev-parse", "HEAD")
    yield project.commit("two")
    project.git("reset", "-q", "--hard", before)


@pytest.fixture(scope="module")
def older(project: Project, first: Run) -> dict[str, Any]:
    """The release that build 41 makes when it comes after build 42."""
    newest = project.release()
    run = project.build(build_number="41")
    assert run.code == 0, run.output
    older = project.release()
    (project.out / "release.json").write_text((project.out / f"releases/{newest['version']}.json").read_text())
    return older


def test_check_mode_says_what_would_be_built_and_builds_nothing(project: Project) -> None:
    run = project.build("--check", build_number="7")
    assert (run.code, run.changed) == (0, 1)
    assert "would build" in run.output
    assert project.registry.tags() == []
    assert not project.out.exists()


def test_one_image_has_three_tags_and_labels(project: Project, first: Run) -> None:
    assert first.code == 0, first.output
    release = project.release()
    image = project.registry.describe("1.0.42")
    assert sorted(project.registry.tags()) == ["1.0.42", "build-42", "latest"]
    assert project.registry.differing(image.digest, ["1.0.42", "build-42", "latest"]) == []
    assert image.label("version") == "1.0.42"
    assert image.label("revision") == project.git("rev-parse", "HEAD")
    assert release == {
        "version": "1.0.42",
        "build": 42,
        "commit": project.git("rev-parse", "HEAD"),
        "digest": image.digest,
        "image": project.image,
        "tags": ["1.0.42", "build-42", "latest"],
        "created": image.label("created"),
        "source": "",
        "size": image.size,
    }
    assert (project.out / "releases/1.0.42.json").read_text() == (project.out / "release.json").read_text()


def test_the_git_tag_holds_the_digest_and_is_at_the_remote(project: Project, first: Run) -> None:
    content = project.git("cat-file", "-p", "1.0.42", folder=project.remote)
    assert f"digest: {project.release()['digest']}" in content
    assert "tagger grace <grace@localhost>" in content


def test_the_password_is_nowhere_and_the_login_is_gone(project: Project, first: Run) -> None:
    assert project.password not in first.output
    assert not first.password_seen
    assert not (project.out / "docker").exists()
    assert not (project.home / ".docker").exists()


@pytest.mark.usefixtures("first")
def test_the_same_number_again_reuses_the_image(project: Project) -> None:
    before = project.release()
    run = project.build(build_number="42")
    assert (run.code, run.changed) == (0, 0), run.output
    assert before["digest"] in run.output
    assert project.release() == before


@pytest.mark.usefixtures("first")
def test_a_run_that_was_killed_after_the_push_is_completed(project: Project) -> None:
    before = project.release()
    project.git("tag", "-d", "1.0.42")
    project.git("tag", "-d", "1.0.42", folder=project.remote)
    (project.out / "release.json").unlink()

    run = project.build(build_number="42")

    assert (run.code, run.changed) == (0, 2), run.output
    assert before["digest"] in project.git("cat-file", "-p", "1.0.42", folder=project.remote)
    assert project.release() == before


@pytest.mark.usefixtures("first")
def test_an_image_that_somebody_placed_under_the_next_number_is_no_build_of_ours(project: Project) -> None:
    """It has the very label that a build from this commit has."""
    registry = project.registry
    registry.add_tags(registry.digest_of("1.0.42"), ["1.0.40"])
    assert_refused(project, "neither a git tag nor a release record says that it was built here", build_number="40")


@pytest.mark.usefixtures("first")
def test_a_release_whose_git_tag_cannot_be_pushed_gets_no_version_in_the_registry(project: Project) -> None:
    hook = project.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    try:
        run = project.build(build_number="39")
    finally:
        hook.unlink()
    assert run.code != 0
    assert "git push with the remote" in run.output
    assert "1.0.39" not in project.registry.tags()
    assert project.build(build_number="39").code == 0
    assert project.registry.digest_of("1.0.39") == project.registry.digest_of("build-39")


@pytest.mark.usefixtures("first", "another_commit")
def test_the_same_number_from_another_commit_is_refused(project: Project) -> None:
    assert_refused(project, "built from commit", build_number="42")


@pytest.mark.usefixtures("first")
def test_the_same_number_from_a_dirty_checkout_is_refused(project: Project) -> None:
    (project.folder / "new").touch()
    try:
        assert_refused(project, "has uncommitted changes", build_number="42")
    finally:
        (project.folder / "new").unlink()


@pytest.mark.usefixtures("first")
def test_an_older_number_built_later_does_not_take_latest(project: Project, older: dict[str, Any]) -> None:
    registry = project.registry
    assert older["tags"] == ["1.0.41", "build-41"]
    assert registry.differing(older["digest"], ["1.0.41", "build-41"]) == []
    assert registry.digest_of("latest") == registry.digest_of("1.0.42")


@pytest.mark.usefixtures("first")
def test_a_version_whose_tag_was_moved_is_refused(project: Project, older: dict[str, Any]) -> None:
    registry = project.registry
    right = registry.digest_of("1.0.42")
    registry.add_tags(older["digest"], ["1.0.42"])
    try:
        assert_refused(project, f"The git tag 1.0.42 says {right[:19]}", build_number="42")
    finally:
        registry.add_tags(right, ["1.0.42"])


@pytest.mark.usefixtures("first")
def test_the_next_number_is_the_default_and_takes_latest(project: Project, another_commit: str) -> None:
    run = project.build()
    assert run.code == 0, run.output
    release = project.release()
    assert (release["version"], release["commit"]) == ("1.0.43", another_commit)
    assert project.registry.differing(release["digest"], ["1.0.43", "build-43", "latest"]) == []


def test_a_build_that_fails_shows_its_last_lines_and_pushes_nothing(project: Project, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN echo it broke here; exit 7\n")
    run = project.build(build_number="900", build_dockerfile=str(dockerfile))
    assert run.code != 0
    assert "it broke here" in run.output
    assert str(project.out / "logs/build-1.0.900.log") in run.output
    assert "1.0.900" not in project.registry.tags()
    assert not (project.out / "docker").exists()


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"build_number": "042"}, "is not a build number"),
        ({"release_registry_password": "wrong"}, "refuses to let slipway read"),
        ({"release_image": f"127.0.0.1:{closed_port()}/app"}, "cannot be reached"),
        ({"build_git_remote": "/nowhere.git"}, "git ls-remote with the remote /nowhere.git failed"),
    ],
    ids=["number", "password", "registry", "remote"],
)
def test_bad_input_is_refused_before_anything_is_built(project: Project, variables: dict[str, Any], words: str) -> None:
    assert_refused(project, words, **variables)


def assert_refused(project: Project, words: str, **variables: Any) -> None:
    """The run fails with these words, and neither builds nor pushes anything."""
    before = project.builds(), sorted(project.registry.tags())
    run = project.build(**variables)
    assert run.code != 0
    assert words in run.output
    assert (project.builds(), sorted(project.registry.tags())) == before
