#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: promotion
short_description: Tell which release production gets
description:
  - Picks the release that is verified in staging, by the digest that staging's ledger holds. No tag is asked, so
    a tag that has moved changes nothing. Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  staging:
    description: What M(slipway.core.environment_info) reports of each staging host.
    type: list
    elements: dict
    required: true
  version:
    description: The version asked for. Empty for what is live in staging.
    type: str
    default: ""
  digest:
    description: The digest that has to be the one staging verified. Empty for whichever that is.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Only decides.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: What is promoted
  slipway.core.promotion:
    staging: "{{ reports }}"
  register: promoted
"""

RETURN = r"""
release:
  description: Version, build, commit, digest and image.
  returned: success
  type: dict
"""
