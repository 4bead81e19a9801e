#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: healthy
short_description: Wait until a URL answers healthy several times in a row
description:
  - Repeats M(ansible.builtin.uri) from the task's host until it has passed O(passes) times in a row.
  - Fails at O(deadline), or at once when O(container) has stopped, instead of waiting for a deadline that
    cannot be met any more.
  - The answer must have one of O(check.statuses) and tell O(version), so that another release that answers on the
    same port is never taken for this one.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  url:
    description: What to ask, without the path.
    type: str
    required: true
  check:
    description: What a healthy answer looks like.
    type: dict
    required: true
    suboptions:
      path:
        description: Path that tells the health.
        type: str
        required: true
      statuses:
        description: HTTP status codes that mean healthy.
        type: list
        elements: int
        default: [200]
      host:
        description: Host header. Empty for the address asked.
        type: str
        default: ""
      version_source:
        description: Where the answer tells its version.
        type: str
        choices: [json, header, none]
        default: none
      version_key:
        description: JSON key (dots for nesting) or header name.
        type: str
        default: version
      smoke_paths:
        description: Further paths, asked after the passes, which must answer with a status from 200 to 399.
        type: list
        elements: str
        default: []
  version:
    description: The version that must answer. Empty accepts any.
    type: str
    default: ""
  passes:
    description: Healthy answers in a row.
    type: int
    default: 1
  interval:
    description: Seconds between two probes.
    type: float
    default: 0.5
  timeout:
    description: Seconds one probe may take.
    type: int
    default: 5
  deadline:
    description: Seconds until the passes must be reached.
    type: int
    default: 30
  hold:
    description:
      - Seconds over which the answers have to stay healthy, counted from the first probe.
      - Once healthy, the first unhealthy answer in this time fails.
    type: int
    default: 0
  container:
    description: Name of the container behind the URL, whose end is an early verdict.
    type: str
    default: ""
  tolerate:
    description: Report an unhealthy URL instead of failing.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Nothing is asked in check mode.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: The candidate answers healthy three times in a row
  slipway.core.healthy:
    url: http://127.0.0.1:49153
    check: {path: /health, version_source: json}
    version: 1.0.42
    passes: 3
    container: myapp-staging-1.0.42-candidate
"""

RETURN = r"""
healthy:
  description: The verdict.
  returned: always
  type: bool
probes:
  description: The last probes, each with path, status, seconds, trouble (empty when healthy), and at, in seconds.
  returned: always
  type: list
  elements: dict
body:
  description: The beginning of the last answer. It may hold secrets.
  returned: when it is not healthy
  type: str
attempts:
  description: How many probes there were.
  returned: always
  type: int
elapsed:
  description: Seconds from the first probe to the verdict.
  returned: always
  type: float
"""
