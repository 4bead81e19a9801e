#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Compare what is asked for with what is live
description:
  - Tells whether a deployment has anything to do, and shows with C(--diff) what will change. Runs on the
    controller.
  - A live container that is not what its configuration says has to be replaced, too.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  release:
    description: Version and digest of the release.
    type: dict
    required: true
  opened:
    description: What M(slipway.core.environment_open) reported.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
    description: Says C(changed) in check mode when a deployment would happen.
  diff_mode:
    support: full
    description: Version, digest, configuration and drift, never the value of a secret.
"""

EXAMPLES = r"""
- name: Is there anything to do
  slipway.core.plan:
    release: "{{ found.release }}"
    opened: "{{ opened }}"
  register: plan
"""

RETURN = r"""
warm:
  description: Whether the standby is this release with this configuration, and runs.
  returned: success
  type: bool
unchanged:
  description: Whether the release is live with this configuration, and its container runs and is what that says.
  returned: success
  type: bool
front_changes:
  description: Whether the release is live with this configuration, behind a front that is not the one asked for.
  returned: success
  type: bool
refront:
  description: Whether that is all that changes.
  returned: success
  type: bool
repair:
  description: Whether the release is live with this configuration, and its container has to be replaced nevertheless.
  returned: success
  type: bool
"""
