#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: proof
short_description: Fail unless every host has come to the end of a verb
description:
  - Ansible ends well when a host was skipped or left out. Each verb marks a host that has done its part with the fact
    C(__proof), and this last step fails for those without. Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  verb:
    description: The playbook that is being run, for the messages.
    type: str
    required: true
  hosts:
    description: The hosts that the verb works on.
    type: list
    elements: str
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
- name: Proof | Every host has done its part
  slipway.core.proof:
    verb: deploy.yml
    hosts: "{{ groups[env] }}"
"""

RETURN = r""" # """
