"""Options of the modules that compare or change what belongs to the front."""

from __future__ import annotations


class ModuleDocFragment:
    """Documents the front that is asked for."""

    DOCUMENTATION = r"""
options:
  front:
    description:
      - What belongs to the front, with C(settings) by variable and C(config), the settled configuration of HAProxy.
        Empty where no proxy owns the public port.
    type: dict
    default: {}
  certificate:
    description: Certificate chain and private key in PEM of O(front). Empty for none.
    type: str
    default: ""
"""
