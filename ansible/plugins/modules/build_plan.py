#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: build_plan
short_description: Decide what a build makes before anything is built
description:
  - Reads the clone, its remote and the registry, and decides whether the build number is to be built, or is
    there already and is the same, or must be refused. Runs on the controller.
  - The same build number from the same commit reuses the image. Another commit, uncommitted changes, or
    another digest in the git tag are refused.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.registry
options:
  build_number:
    description: Number of the build, from 1. Empty for the one after the newest in the registry and in git.
    type: str
    default: ""
  context:
    description: Folder to build from. It has to be in a git checkout.
    type: path
    required: true
  remote:
    description: Git remote that gets the tag, as name, path or URL. Empty for none.
    type: str
    default: ""
  records:
    description: Folder of the release records that M(slipway.core.release_record) wrote. Empty for none.
    type: path
    default: ""
attributes:
  check_mode:
    support: full
    description: Only reads, except that git may fetch the object of a tag.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Plan | Build 42
  slipway.core.build_plan:
    image: registry.example.com/team/myapp
    username: robot
    password: "{{ vault_registry_password }}"
    build_number: "42"
    context: "{{ playbook_dir }}"
    remote: origin
"""

RETURN = r"""
reuse:
  description: Whether the image is there already.
  returned: success
  type: bool
release:
  description: The release record; its digest is empty when the image is not built yet.
  returned: success
  type: dict
commit:
  description: The commit, abbreviated, with V(-dirty) when the checkout has uncommitted changes.
  returned: success
  type: str
remote:
  description: The git remote to push to, empty for none.
  returned: success
  type: str
server:
  description: Name under which Docker keeps the login for the registry.
  returned: success
  type: str
"""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import reuse, version
from ansible_collections.slipway.core.plugins.module_utils.git_tag import Clone, GitError, Note
from ansible_collections.slipway.core.plugins.module_utils.registry import (
    REGISTRY_OPTIONS,
    Image,
    Registry,
    RegistryError,
)
from ansible_collections.slipway.core.plugins.module_utils.registry_name import login_server
from ansible_collections.slipway.core.plugins.module_utils.release import record


def plan(params: dict[str, Any]) -> dict[str, Any]:
    """The module's result; bad input is refused before the clone or the registry is looked at."""
    number = version.parse_build_number(params["build_number"]) if params["build_number"] else None
    series = version.parse_series(params["series"])
    clone = Clone(params["context"])
    registry = Registry.of(params)
    remote = clone.remote(params["remote"])
    tags = registry.tags()
    here, there = clone.local_tags(), clone.remote_tags(remote)
    following = version.next_build_number([*tags, *here, *there], series)
    wanted = version.Version(series, number or following)
    dirty = clone.is_dirty(params["context"])

    notes = [*_notes(clone, remote, str(wanted), here, there), *_recorded(params, str(wanted))]
    others = version.versions_in([*tags, *here, *there])
    known = reuse.Known(
        notes=notes,
        published=registry.digest_of(str(wanted)) if str(wanted) in tags else "",
        present=bool(notes and notes[0].digest and registry.has(notes[0].digest)),
        build_digest=registry.digest_of(wanted.build_tag) if wanted.build_tag in tags else "",
        build_taken=any(other.build == wanted.build and other != wanted for other in others),
    )
    reused = reuse.is_reused(wanted, known, clone.head, dirty, following)
    image = registry.describe(notes[0].digest) if reused else None
    revision = clone.head + ("-dirty" if dirty else "")
    return {
        "reuse": reused,
        "release": record(
            registry.image,
            wanted,
            image or _image_to_build(str(wanted), revision, clone.source()),
            version.tags_for(wanted, tags),
        ),
        "commit": clone.head[:7] + ("-dirty" if dirty else ""),
        "remote": remote,
        "server": login_server(registry.image),
    }


def _notes(clone: Clone, remote: str, tag: str, here: dict[str, str], there: dict[str, str]) -> list[Any]:
    """What the git tag says, once for each different object that has its name."""
    objects = {tags[tag] for tags in (here, there) if tag in tags}
    if tag in there and there[tag] != here.get(tag):
        clone.fetch(remote, tag)
    return [clone.note(object_id) for object_id in objects]


def _recorded(params: dict[str, Any], wanted: str) -> list[Note]:
    """What the record of an earlier run of this machine says; none when there is none of this image."""
    try:
        said = json.loads(Path(params["records"], "releases", f"{wanted}.json").read_text(encoding="utf-8"))
        note = Note(**{field: str(said[field]) for field in ("version", "digest", "image", "commit")})
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [note] if note.image == params["image"] and note.version == wanted else []


def _image_to_build(wanted: str, revision: str, source: str) -> Image:
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Image.labelled(digest="", version=wanted, revision=revision, created=created, source=source)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **REGISTRY_OPTIONS,
            "series": {"type": "str", "default": "1.0"},
            "build_number": {"type": "str", "default": ""},
            "context": {"type": "path", "required": True},
            "remote": {"type": "str", "default": ""},
            "records": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        result = plan(module.params)
    except (version.VersionError, GitError, RegistryError, reuse.Refused) as error:
        module.fail_json(msg=str(error))
        return
    release = result["release"]
    if result["reuse"]:
        story = f"{release['version']} is there already, built from this commit: {release['digest'][:19]}"
    else:
        story = f"{release['version']} is to be built from commit {result['commit']}"
    module.exit_json(changed=False, story=story, **result)


if __name__ == "__main__":
    main()
