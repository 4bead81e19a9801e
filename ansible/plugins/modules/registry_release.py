#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_release
short_description: Find a release in the registry
description:
  - Resolves a digest, else a version, else the newest version of a series, to a release record. Runs on the
    controller.
  - Works for images that Slipway did not build too; what their labels do not tell is empty in the record.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.core.registry
options:
  series:
    description: Version series in which the newest version, and the next build number, are looked for.
    type: str
    default: "1.0"
  version:
    description: Version to resolve, such as V(1.0.42). Refused when the image's own label says another one.
    type: str
    default: ""
  digest:
    description: Digest that has to be in the repository. It is what is resolved, wherever tags point to.
    type: str
    default: ""
  repository:
    description: >-
      Clone whose git tags say which digest a version is, wherever the registry's tag points to. The newest version is
      then refused unless a git tag tells of it. Empty to go by the registry alone.
    type: path
    default: ""
  next_build:
    description: Whether to return the next free build number, and no release.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Resolve | The newest release
  slipway.core.registry_release:
    image: registry.example.com/team/myapp
    username: robot
    password: "{{ vault_registry_password }}"
  delegate_to: localhost
  register: newest

- name: Preflight | The registry has this digest
  slipway.core.registry_release:
    image: registry.example.com/team/myapp
    digest: "{{ newest.release.digest }}"
  delegate_to: localhost
"""

RETURN = r"""
release:
  description: The release record.
  returned: when O(next_build=false)
  type: dict
  contains:
    version:
      description: Version; empty when it was asked for by digest and its labels do not tell.
      type: str
    build:
      description: Build number; V(null) when there is no version.
      type: int
    commit:
      description: Commit it was built from, with V(-dirty) when there were uncommitted changes; may be empty.
      type: str
    digest:
      description: Digest of its manifest or index.
      type: str
    image:
      description: Its repository.
      type: str
    tags:
      description: The tag it was found by.
      type: list
      elements: str
    created:
      description: When it was built; may be empty.
      type: str
    source:
      description: Where its source code is; may be empty.
      type: str
    size:
      description: Bytes of its layers, compressed as the registry stores them; for several platforms of the first one.
      type: int
next_build:
  description: The first build number that no tag uses.
  returned: when O(next_build=true)
  type: int
"""
