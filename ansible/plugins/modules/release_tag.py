#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: release_tag
short_description: Tag the commit of a release in git
description:
  - Makes an annotated git tag named after the version, whose message holds version, digest, image and commit,
    one a line, and pushes it. A tag that says the same already is left as it is. Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  repository:
    description: A folder of the git checkout.
    type: path
    required: true
  release:
    description: The release record, of which C(version), C(digest), C(image) and C(commit) are used.
    type: dict
    required: true
  remote:
    description: Git remote that gets the tag, as name, path or URL. Empty for none.
    type: str
    default: ""
  actor:
    description:
      - Who tags. Empty for E(SLIPWAY_ACTOR) or, without it, the user who runs this.
      - Needs no git identity; the mail address is git's own one where there is one.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Tells whether the tag would be made or pushed.
  diff_mode:
    support: none
    description: A release's tag is never changed.
"""

EXAMPLES = r"""
- name: Record | The git tag
  slipway.core.release_tag:
    repository: "{{ playbook_dir }}"
    release: "{{ release }}"
    remote: origin
    actor: alice
"""

RETURN = r"""
created:
  description: Whether the tag was made in this clone.
  returned: success
  type: bool
pushed:
  description: Whether the tag was pushed.
  returned: success
  type: bool
"""

import getpass
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils.git_tag import Clone, GitError, Note, tag_release


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "path", "required": True},
            "release": {"type": "dict", "required": True},
            "remote": {"type": "str", "default": ""},
            "actor": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    note = Note(**{name: params["release"][name] for name in ("version", "digest", "image", "commit")})
    actor = params["actor"] or os.environ.get("SLIPWAY_ACTOR") or getpass.getuser()
    try:
        created, pushed = tag_release(
            Clone(params["repository"]), note, params["remote"], actor, module.check_mode
        )
    except GitError as error:
        module.fail_json(msg=str(error))
        return
    done = [word for word, happened in (("made", created), ("pushed", pushed)) if happened]
    story = f"git tag {note.version} {' and '.join(done) or 'says the same already'}"
    module.exit_json(changed=created or pushed, created=created, pushed=pushed, story=story)


if __name__ == "__main__":
    main()
