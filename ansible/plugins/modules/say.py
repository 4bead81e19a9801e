#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: say
short_description: Print a text as it is
description:
  - Prints a text without decoration when the callback P(slipway.core.story#callback) is in use.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  text:
    description: What to print.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Prints in check mode too.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Status | Show it
  slipway.core.say:
    text: "{{ table }}"
"""

RETURN = r"""
say:
  description: The text.
  returned: always
  type: str
"""
