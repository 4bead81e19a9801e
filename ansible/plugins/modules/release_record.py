#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: release_record
short_description: Write a release record where the next steps, CI and people can read it
description:
  - Writes the record to V(releases/<version>.json) and, as the newest build, to V(release.json) in a folder on the
    controller. Each file is there whole or not at all.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  directory:
    description: The folder. It is created when it is missing.
    type: path
    required: true
  release:
    description: The release record, as M(slipway.core.registry_release) returns it.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
    description: Tells which files would be written.
  diff_mode:
    support: none
    description: The files that were written are returned.
"""

EXAMPLES = r"""
- name: Record | The release as JSON
  slipway.core.release_record:
    directory: "{{ playbook_dir }}/.slipway"
    release: "{{ found.release }}"
"""

RETURN = r"""
written:
  description: The files that did not say the same already.
  returned: success
  type: list
  elements: str
release:
  description: The record.
  returned: success
  type: dict
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def files(directory: Path, release: dict[str, Any]) -> list[Path]:
    """Where a release's record belongs."""
    return [directory / "releases" / f"{release['version']}.json", directory / "release.json"]


def holds(path: Path, content: str) -> bool:
    """Whether a file is there and holds exactly this."""
    return path.is_file() and path.read_text(encoding="utf-8") == content


def write(path: Path, content: str) -> None:
    """Replace a file in one step, readable for everybody."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o644)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "release": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    directory, release = Path(module.params["directory"]), module.params["release"]
    content = json.dumps(release, indent=2, ensure_ascii=False) + "\n"
    try:
        stale = [path for path in files(directory, release) if not holds(path, content)]
        if not module.check_mode:
            for path in stale:
                write(path, content)
    except OSError as error:
        module.fail_json(msg=f"The release record cannot be written to {directory}: {error.strerror or error}.")
        return
    story = f"release record in {directory / 'release.json'}"
    module.exit_json(changed=bool(stale), written=[str(path) for path in stale], release=release, story=story)


if __name__ == "__main__":
    main()
