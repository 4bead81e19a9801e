#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: commits
short_description: List the commits between two releases
description:
  - One line a commit, newest first. Empty when the repository is none or does not have them. Runs on the
    controller, in the clone that Slipway is run from.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  repository:
    description: Folder of the clone.
    type: path
    required: true
  since:
    description: Commit that is left out with all before it. Empty for only the last 20.
    type: str
    default: ""
  until:
    description: Newest commit.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: What is new
  slipway.core.commits:
    repository: "{{ playbook_dir }}"
    since: 1111111
    until: 2222222
  delegate_to: localhost
"""

RETURN = r"""
known:
  description: Whether the repository has both commits.
  returned: success
  type: bool
commits:
  description: Abbreviated hash, author and subject of each.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils import shown

# What a build from a tree with uncommitted changes adds to its commit.
DIRTY = "-dirty"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "path", "required": True},
            "since": {"type": "str", "default": ""},
            "until": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    repository = module.params["repository"]
    since, until = (module.params[name].removesuffix(DIRTY) for name in ("since", "until"))
    reach = f"{since}..{until}" if since else until
    command = [
        "git",
        "-C",
        repository,
        "log",
        "--max-count=20",
        "--format=%h %an: %s",
        "--end-of-options",
        reach,
    ]
    code, out, _err = module.run_command(command)
    # Not splitlines(): an author's name may hold what that takes for the end of a line.
    subjects = [shown.line(subject) for subject in out.split("\n") if subject]
    module.exit_json(changed=False, known=code == 0, commits=subjects if code == 0 else [])


if __name__ == "__main__":
    main()
