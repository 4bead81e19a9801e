"""The option by which a step proves that its run holds the environment's lock."""

from __future__ import annotations


class ModuleDocFragment:
    """The option that :class:`module_utils.tenure.Tenure` needs."""

    DOCUMENTATION = r"""
options:
  run:
    description:
      - The run that changes something, which has to hold the environment's lock.
      - The lease of the lock goes on while this step works. A step whose lock another run takes over ends at once.
    type: str
    required: true
"""
