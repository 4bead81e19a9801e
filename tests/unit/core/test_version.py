"""Versions, series, build numbers and tags: what is accepted, what is refused, and how they order."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.core.plugins.module_utils.version import (
    Version,
    VersionError,
    next_build_number,
    parse_build_number,
    parse_digest,
    parse_series,
    parse_version,
    tags_for,
    versions_in,
)
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.integers(0, 999_999_999)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_version_reads_as_it_was_written(major: int, minor: int, build: int) -> None:
    text = f"{major}.{minor}.{build}"
    assert str(parse_version(text)) == text
    assert parse_version(text) == Version(f"{major}.{minor}", build)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "1.0.0.0",
        "v1.0.42",
        "1.0.x",
        "1.0.042",
        "latest",
        "build-42",
        " 1.0.42",
        "1.0.42\n",
        "1.0.-1",
        "١.0.1",
    ],
)
def test_anything_else_is_no_version(text: str) -> None:
    with pytest.raises(VersionError, match=r"give three numbers with dots, such as 1\.0\.42\.$"):
        parse_version(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "042", "4.2", "1e3", "forty-two", "42 ", "1234567890"])
def test_a_build_number_is_a_whole_number_from_1(text: str) -> None:
    with pytest.raises(VersionError, match="is not a build number"):
        parse_build_number(text)
    assert parse_build_number("42") == 42


@pytest.mark.parametrize("text", ["", "1", "1.0.0", "1.x", "01.0"])
def test_a_series_has_two_numbers(text: str) -> None:
    with pytest.raises(VersionError, match="release_series"):
        parse_series(text)
    assert parse_series("1.0") == "1.0"


@pytest.mark.parametrize("text", ["", "latest", "sha256:", "sha256:" + "a" * 63, "sha256:" + "A" * 64, "a" * 64])
def test_a_digest_is_sha256(text: str) -> None:
    with pytest.raises(VersionError, match="is not a digest"):
        parse_digest(text)
    assert parse_digest("sha256:" + "a" * 64)


def test_versions_are_ordered_by_number_and_not_by_letter() -> None:
    tags = ["1.0.9", "latest", "1.0.10", "build-10", "1.2.1", "0.9.99", "1.0.10"]
    assert [str(version) for version in versions_in(tags)] == ["1.2.1", "1.0.10", "1.0.9", "0.9.99"]
    assert [str(version) for version in versions_in(tags, "1.0")] == ["1.0.10", "1.0.9"]


@pytest.mark.parametrize(
    ("tags", "number"),
    [
        ([], 1),
        (["latest"], 1),
        (["1.0.9", "1.0.10"], 11),
        (["1.0.3", "2.0.7"], 4),
        (["1.0.3", "2.0.7", "build-7"], 8),
    ],
)
def test_the_next_build_number_is_one_that_no_tag_uses(tags: list[str], number: int) -> None:
    assert next_build_number(tags, "1.0") == number


def test_only_the_newest_release_is_the_latest() -> None:
    assert tags_for(Version("1.0", 42), []) == ["1.0.42", "build-42", "latest"]
    assert tags_for(Version("1.0", 42), ["1.0.42", "1.0.9"]) == ["1.0.42", "build-42", "latest"]
    assert tags_for(Version("1.0", 42), ["1.0.43"]) == ["1.0.42", "build-42"]
