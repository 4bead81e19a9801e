"""make clean takes away the git tags of lab builds, and no others."""

import subprocess

import pytest

from tools import clean


@pytest.fixture
def clone(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.split()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("init", "-q", "--bare", ".lab/demo/origin.git")
    monkeypatch.setattr(clean, "ROOT", tmp_path)
    return git


def test_a_tag_that_the_labs_remote_has_is_removed(clone):
    clone("tag", "-a", "1.0.1", "-m", "lab build")
    clone("push", "-q", ".lab/demo/origin.git", "refs/tags/1.0.1")
    clone("tag", "-a", "v9", "-m", "mine")
    clean.remove_tags()
    assert clone("tag") == ["v9"]


def test_a_tag_of_that_name_that_says_something_else_stays(clone):
    clone("tag", "-a", "1.0.1", "-m", "lab build")
    clone("push", "-q", ".lab/demo/origin.git", "refs/tags/1.0.1")
    clone("tag", "-f", "-a", "1.0.1", "-m", "mine")
    clean.remove_tags()
    assert clone("tag") == ["1.0.1"]
