#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Refuse a deployment that its target cannot take
description:
  - Judges what M(slipway.core.environment_open) reported, with Docker's version, disk space, the lock's lease and the
    ports. One step instead of an assertion for each, as every step costs time. Runs on the controller.
  - Only when it refuses for want of disk space it asks the target what Docker could free there.
version_added: 0.2.0
author: Slipway contributors (@slipway)
options:
  environment:
    description: V(staging) or V(production).
    type: str
    required: true
  opened:
    description: What M(slipway.core.environment_open) reported.
    type: dict
    required: true
  needs:
    description: >-
      C(docker), the oldest version; C(disk_mb) and C(state_mb), in MiB; C(lease) of the lock and the sum of the time
      limits, C(phases), in seconds; C(digest) of the release and C(layers), the bytes of its layers in the registry.
    type: dict
    required: true
  image:
    description: Repository of the image, without a tag.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Only judges.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Preflight | The target has what this deployment needs
  slipway.core.preflight:
    environment: staging
    opened: "{{ opened }}"
    needs: {docker: "20.10", disk_mb: 1024, state_mb: 16, lease: 900, phases: 120, digest: "sha256:…", layers: 0}
    image: registry.example.com/team/myapp
"""

RETURN = r""" # """
