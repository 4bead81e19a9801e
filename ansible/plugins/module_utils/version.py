"""Versions, series, build numbers and tags: what they look like and how they belong together.

A release of series ``1.0`` and build number 42 has the version ``1.0.42`` and the tags ``1.0.42`` and
``build-42``; the newest one has ``latest`` as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable

LATEST = "latest"
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_SERIES = re.compile(rf"{_NUMBER}\.{_NUMBER}\Z")
_VERSION = re.compile(rf"({_NUMBER}\.{_NUMBER})\.({_NUMBER})\Z")
_BUILD_NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
_BUILD_TAG = re.compile(r"build-([1-9][0-9]{0,8})\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class VersionError(ValueError):
    """A text is not what it should be; the message is one sentence for people."""


@dataclass(frozen=True)
class Version:
    """A version; ``str()`` gives its text."""

    series: str
    build: int

    def __str__(self) -> str:
        return f"{self.series}.{self.build}"

    @property
    def build_tag(self) -> str:
        """The tag that names the build alone, such as ``build-42``."""
        return f"build-{self.build}"

    @property
    def order(self) -> tuple[int, ...]:
        """Sort key: a newer version has a greater one."""
        return tuple(int(part) for part in str(self).split("."))


def parse_version(text: str) -> Version:
    """``1.0.42`` as a version; :class:`VersionError` for anything else."""
    found = _VERSION.match(text)
    if not found:
        raise VersionError(f"{text!r} is not a version: give three numbers with dots, such as 1.0.42.")
    return Version(found.group(1), int(found.group(2)))


def parse_series(text: str) -> str:
    """``1.0`` as it is; :class:`VersionError` for anything else."""
    if not _SERIES.match(text):
        raise VersionError(f"release_series is {text!r}: give two numbers with a dot, such as 1.0.")
    return text


def parse_build_number(text: str) -> int:
    """``42`` as a number; :class:`VersionError` for anything but a whole number from 1."""
    if not _BUILD_NUMBER.match(text):
        raise VersionError(
            f"{text!r} is not a build number: give a whole number from 1 without leading zeros, "
            "such as -e build_number=42, or none for the next one."
        )
    return int(text)


def parse_digest(text: str) -> str:
    """``sha256:`` and 64 hexadecimal digits as they are; :class:`VersionError` for anything else."""
    if not _DIGEST.match(text):
        raise VersionError(f"{text!r} is not a digest: give sha256: and 64 hexadecimal digits.")
    return text


def versions_in(tags: Iterable[str], series: str = "") -> list[Version]:
    """Every version among ``tags``, newest first; with ``series``, only those of that series."""
    found = (match for match in map(_VERSION.match, tags) if match)
    versions = {Version(match.group(1), int(match.group(2))) for match in found}
    return sorted(
        (version for version in versions if series in ("", version.series)),
        key=lambda version: version.order,
        reverse=True,
    )


def next_build_number(tags: Iterable[str], series: str) -> int:
    """The first build number after all that ``tags`` use, in versions of ``series`` and in ``build-N``."""
    known = list(tags)
    used = [version.build for version in versions_in(known, series)]
    used += [int(match.group(1)) for match in map(_BUILD_TAG.match, known) if match]
    return max(used, default=0) + 1


def tags_for(version: Version, others: Iterable[str]) -> list[str]:
    """The tags a release carries: ``latest`` only when no newer version is among ``others``."""
    newer = any(other.order > version.order for other in versions_in(others))
    return [str(version), version.build_tag, *([] if newer else [LATEST])]
