#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Refuse bad input before any host is touched
description:
  - Checks the environment, version and digest given on the command line, and every variable of the inventory that
    carries a prefix of this collection's roles against their argument specs.
  - An unknown variable, which Ansible would silently ignore, is refused with the name it was probably meant
    to have. Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  verb:
    description: The playbook that is being run, for the messages.
    type: str
    required: true
  env:
    description: The environment to run on. Left out for verbs that need none.
    type: str
  group:
    description: The inventory group to run on, for verbs that need one and no environment.
    type: str
    default: ""
  version:
    description: A version such as V(1.0.42). Empty for the verb's default.
    type: str
  digest:
    description: The digest of a release. Empty for whatever the version has.
    type: str
  canary:
    description: What a person decides about a canary, V(pause), V(promote) or V(abort). Empty for nothing.
    type: str
    default: ""
  canary_weight:
    description: Per cent of the traffic for a candidate that waits.
    type: str
    default: "0"
  lock_wait:
    description: Seconds to wait for an environment that another run holds.
    type: str
    default: "0"
  format:
    description: How to print what happens, V(json) or empty for text.
    type: str
    default: ""
  options:
    description: Names of the extra variables this verb takes. Others are refused, but for variables of roles.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Validate | The input is sound
  slipway.core.validate:
    verb: deploy.yml
    env: "{{ env | default('') }}"
    version: "{{ version | default('') }}"
    options: [env, version]
"""

RETURN = r""" # """
