"""The options by which a module finds one environment on its target."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of :data:`module_utils.environment.OPTIONS`."""

    DOCUMENTATION = r"""
options:
  directory:
    description: Folder on the target that holds the state of all environments.
    type: path
    required: true
  app:
    description: Name of the application.
    type: str
    required: true
  environment:
    description: V(staging) or V(production).
    type: str
    required: true
"""
