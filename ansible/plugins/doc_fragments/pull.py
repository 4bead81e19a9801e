"""The options of every module that pulls an image."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of :data:`module_utils.pulling.OPTIONS`."""

    DOCUMENTATION = r"""
options:
  username:
    description: User that logs in to the registry. Empty for none.
    type: str
    default: ""
  password:
    description: Password or access token of that user.
    type: str
    default: ""
  timeout:
    description: Seconds that the pull may take.
    type: int
    default: 600
"""
