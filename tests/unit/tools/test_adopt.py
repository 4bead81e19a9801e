"""Another repository's inventory and group_vars in place of the examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.adopt import adopt


def repository(folder: Path, *parts: str) -> Path:
    for part in parts:
        (folder / part).mkdir(parents=True)
        (folder / part / "whose").write_text(folder.name)
    return folder


def test_its_parts_are_linked_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    theirs = repository(tmp_path / "theirs", "inventory", "group_vars")
    ours = repository(tmp_path / "ours", "inventory", "group_vars")
    for _ in range(2):
        adopt(theirs, ours)
        assert [(ours / part / "whose").read_text() for part in ("inventory", "group_vars")] == ["theirs"] * 2
    assert (theirs / "inventory" / "whose").exists()


def test_one_that_lacks_a_part_leaves_everything_as_it_was(tmp_path: Path) -> None:
    theirs = repository(tmp_path / "theirs", "inventory")
    ours = repository(tmp_path / "ours", "inventory", "group_vars")
    with pytest.raises(FileNotFoundError, match="has no folder group_vars"):
        adopt(theirs, ours)
    assert (ours / "inventory" / "whose").read_text() == "ours"
