#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: ask
short_description: Ask whoever sits at the terminal
description:
  - Asks a question and returns the line that was typed. Without a terminal, and after Ctrl-C, the answer is empty, so
    that a play can say in its own words what follows from it. Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  question:
    description: The question, without a colon at its end.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Asks in check mode too.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Approval | Ask
  slipway.core.ask:
    question: Type your name to approve, or press Enter to deny
  register: reply
"""

RETURN = r"""
answer:
  description: What was typed, without space around it. Empty when nobody answered.
  returned: always
  type: str
"""
