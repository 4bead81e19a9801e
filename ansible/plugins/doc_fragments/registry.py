"""Options of every module that talks to an image registry."""

from __future__ import annotations


class ModuleDocFragment:
    """Documents :data:`REGISTRY_OPTIONS` of the registry module utility."""

    DOCUMENTATION = r"""
options:
  image:
    description: Repository of the image, with the registry's host and without a tag.
    type: str
    required: true
  username:
    description: User that logs in to the registry. Empty for none.
    type: str
    default: ""
  password:
    description: Password or access token of that user.
    type: str
    default: ""
  ca_file:
    description: File with the certificate authority of the registry. Empty for the system's authorities.
    type: path
    default: ""
  timeout:
    description: Seconds that one answer of the registry may take, from connecting to its end.
    type: float
    default: 10.0
requirements:
  - python-dxf
"""
