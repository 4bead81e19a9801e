"""Cleaning up: what is removed, and what must go first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import clean, engine


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a lab folder and a user's own file, but without .venv."""
    (tmp_path / ".lab" / "demo").mkdir(parents=True)
    (tmp_path / "app" / "__pycache__").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setattr(clean, "ROOT", tmp_path)
    return tmp_path


def test_without_docker_the_folders_go_and_nothing_else(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "version", lambda: None)
    assert clean.main() == 0
    assert sorted(path.name for path in clone.iterdir()) == ["app", "notes.txt"]
    assert not list((clone / "app").iterdir())


def test_lab_that_cannot_be_removed_keeps_its_folder(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "version", lambda: "20.10.24")
    monkeypatch.setattr(engine, "lab_instances", lambda: {"demo"})
    assert clean.main() == 1
    assert (clone / ".lab" / "demo").is_dir()
    assert "run 'make setup' first" in capsys.readouterr().err
