#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: gate
short_description: Refuse a release that may not go to an environment
description:
  - Production accepts a digest only with a valid approval for exactly that digest, configuration and front. That is an
    invariant and no setting. Staging accepts every release. Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  environment:
    description: V(staging) or V(production).
    type: str
    required: true
  release:
    description: Version and digest of the release.
    type: dict
    required: true
  approvals:
    description: Approvals by digest, as M(slipway.core.environment_open) reports them.
    type: dict
    required: true
  config:
    description: Hash of the configuration that it is deployed with, as M(slipway.core.environment_open) reports it.
    type: str
    required: true
  front:
    description: The same of the front. Empty where no proxy owns the public port.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Only decides.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: May it go to production
  slipway.core.gate:
    environment: production
    release: "{{ promoted.release }}"
    approvals: "{{ opened.approvals }}"
    config: "{{ opened.config }}"
    front: "{{ opened.front }}"
"""

RETURN = r"""
approval:
  description: Number of the ledger's entry with the approval, null where none is needed.
  returned: success
  type: int
"""
