"""The release record: what is known of one built image, from its labels and from the build that made it."""

from __future__ import annotations

from typing import Any, Iterable

from ansible_collections.slipway.core.plugins.module_utils.git_tag import Clone, GitError, Note
from ansible_collections.slipway.core.plugins.module_utils.registry import (
    Image,
    NotFound,
    Registry,
    RegistryError,
)
from ansible_collections.slipway.core.plugins.module_utils.version import (
    Version,
    VersionError,
    next_build_number,
    parse_digest,
    parse_series,
    parse_version,
    versions_in,
)

FIND_OPTIONS: dict[str, dict[str, Any]] = {
    "series": {"type": "str", "default": "1.0"},
    "version": {"type": "str", "default": ""},
    "digest": {"type": "str", "default": ""},
    "repository": {"type": "path", "default": ""},
    "next_build": {"type": "bool", "default": False},
}


def record(repository: str, version: Version | None, image: Image, tags: Iterable[str]) -> dict[str, Any]:
    """A release as JSON: ``version`` is none for an image that was asked for by digest and does not tell.

    ``commit``, ``created`` and ``source`` are empty for an image without these labels. A commit that ends in
    ``-dirty`` was built from a working tree with uncommitted changes. ``size``, the bytes of its layers as the
    registry stores them, is None where that was not asked.
    """
    return {
        "version": str(version) if version else "",
        "build": version.build if version else None,
        "commit": image.label("revision"),
        "digest": image.digest,
        "image": repository,
        "tags": list(tags),
        "created": image.label("created"),
        "source": image.label("source"),
        "size": image.size,
    }


def noted(repository: str, image: str, version: Version | None) -> Note | None:
    """What a clone's git tag says of a version of ``image``; none without a digest, or without a clone."""
    try:
        clone = Clone(repository)
        tag = clone.local_tags().get(str(version))
        note = clone.note(tag) if tag else None
    except GitError:
        return None
    return note if note and note.digest and note.image == image else None


def resolve(registry: Registry, series: str, version: str, digest: str, repository: str = "") -> dict[str, Any]:
    """The release that a digest, else a version, else "the newest of the series" means.

    Where a git tag says which digest a version is, that one is meant, whatever the registry's tag names by now. The
    newest release is one that a git tag tells of: what the registry has under a newer version may come from anybody.

    :param repository: clone with the git tags; empty to go by the registry alone.

    :raises RegistryError: it cannot be found, or its tag and its label disagree.
    :raises VersionError: ``version`` is none.
    """
    wanted = parse_version(version) if version else None
    if not digest and not wanted:
        wanted = _newest(registry, series)
    note = noted(repository, registry.image, wanted) if repository and not digest else None
    if repository and not digest and not version and not note:
        raise RegistryError(
            f"{registry.image} has {wanted}, and no git tag here says that it is a build of yours: bring the tags with "
            "git fetch --tags, or name the version that you mean with -e version=."
        )
    try:
        image = registry.describe(note.digest if note else digest or str(wanted))
    except NotFound as error:
        if not note:
            raise
        raise NotFound(
            f"The git tag {wanted} says {note.digest[:19]}, and {registry.image} does not have that: make a new "
            "release with ansible-playbook build.yml."
        ) from error
    labelled = _labelled_version(image)
    if wanted and labelled and labelled.series == wanted.series and labelled != wanted:
        raise RegistryError(
            f"{registry.image}{'@' + digest if digest else f':{wanted}'} is no {wanted}, since its label "
            f"says version {labelled}: ask for {labelled}, or make a new release with ansible-playbook "
            "build.yml."
        )
    return record(registry.image, wanted or labelled, image, [] if digest else [str(wanted)])


def _newest(registry: Registry, series: str) -> Version:
    tags = registry.tags()
    newest = next(iter(versions_in(tags, series)), None)
    if newest:
        return newest
    others = versions_in(tags)[:3]
    known = f"; it has {', '.join(map(str, others))} (see release_series)" if others else ""
    raise NotFound(
        f"{registry.image} has no release of series {series}{known}: make one with ansible-playbook "
        "build.yml."
    )


def _labelled_version(image: Image) -> Version | None:
    """The version in the image's label; none for another shape, which a base image may have left."""
    try:
        return parse_version(image.label("version"))
    except VersionError:
        return None


def find(params: dict[str, Any]) -> dict[str, Any]:
    """What M(slipway.core.registry_release) returns; bad input is refused before the registry is asked.

    :param params: the values of REGISTRY_OPTIONS and FIND_OPTIONS.
    """
    series = parse_series(params["series"])
    if params["version"]:
        parse_version(params["version"])
    if params["digest"]:
        parse_digest(params["digest"])
    registry = Registry.of(params)
    if params["next_build"]:
        number = next_build_number(registry.tags(), series)
        return {"next_build": number, "story": f"the next build is {series}.{number}"}
    release = resolve(registry, series, params["version"], params["digest"], params["repository"])
    story = f"{release['version'] or 'the image'} is {release['digest'][:19]}"
    if params["repository"] and not params["digest"]:
        known = noted(params["repository"], registry.image, parse_version(release["version"]))
        story += "" if known else ", as the registry says: no git tag here tells of it"
    return {"release": release, "story": story}
