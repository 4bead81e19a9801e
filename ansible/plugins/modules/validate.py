#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Refuse bad input before any host is touched
description:
  - Checks the options given on the command line, or as environment variables C(SLIPWAY_<OPTION>), as they were given
    and not as templates.
  - Checks every variable of the inventory that carries a prefix of this collection's roles against their argument
    specs.
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
    description: The environment to run on, for verbs that have no choice. With V(env) among O(options) it is asked for.
    type: str
  group:
    description: The inventory group to run on, for verbs that need one and no environment.
    type: str
    default: ""
  groups:
    description: Groups of the inventory of which one at least has to have hosts, for verbs that look at what there is.
    type: list
    elements: str
    default: []
  options:
    description: Names of the options this verb takes. Other extra variables are refused, but for variables of roles.
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
    options: [env, version]
"""

RETURN = r""" # """
