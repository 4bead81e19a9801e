#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: github_approval
short_description: Tell who approved a GitHub Actions run
description:
  - Asks GitHub's API for the reviews of a run, and tells who approved the environment last.
  - The run has to be the one that has built the release, by its repository, commit and number.
  - Without a token there is no API to ask, as with act and other servers that run such workflows. Then the person
    whom the workflow names counts, and the result says so. Runs on the controller.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  environment:
    description: The GitHub environment whose review is wanted.
    type: str
    required: true
  api_url:
    description: Address of the API.
    type: str
    required: true
  repository:
    description: Owner and name of the repository, as V(owner/name).
    type: str
    required: true
  run:
    description: Number by which the API knows the run.
    type: str
    required: true
  release:
    description: The release that is to be approved, with its V(commit) and V(build).
    type: dict
    required: true
  token:
    description: Token that may read the run. Empty where there is no API.
    type: str
    default: ""
  approver:
    description: Who approved, where there is no API.
    type: str
    default: ""
  approver_source:
    description: Where O(approver) comes from, for the record.
    type: str
    required: true
  timeout:
    description: Seconds that the API may take to answer.
    type: int
    default: 20
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: Approval | Ask GitHub who approved this run
  slipway.core.github_approval:
    environment: production
    api_url: https://api.github.com
    repository: team/myapp
    run: "4711"
    release: "{{ promoted.release }}"
    token: "{{ token }}"
    approver_source: workflow secret SLIPWAY_APPROVER
  delegate_to: localhost
  register: consent
"""

RETURN = r"""
approver:
  description: Who approved.
  returned: success
  type: str
via:
  description: How that is known.
  returned: success
  type: str
"""

import json
from typing import Any
from urllib.error import HTTPError, URLError

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.slipway.core.plugins.module_utils import github_run
from ansible_collections.slipway.core.plugins.module_utils.deadline import Expired, within


def ask(params: dict[str, Any], path: str) -> Any:
    """What the API says.

    :raises github_run.Unapproved: it cannot be asked.
    """
    url = params["api_url"].rstrip("/") + path
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {params['token']}",
        "X-GitHub-Api-Version": github_run.API_VERSION,
    }

    def ask() -> bytes:
        return bytes(open_url(url, headers=headers, timeout=params["timeout"]).read())

    try:
        return json.loads(within(params["timeout"], ask))
    except HTTPError as error:
        reason = f"{error.code} {error.reason}"
        raise github_run.Unapproved(
            f"GitHub's API refuses to tell of run {params['run']} ({reason}): let the job have the permission "
            "'actions: read'"
        ) from error
    except (URLError, OSError, ValueError, Expired) as error:
        raise github_run.Unapproved(
            f"GitHub's API at {params['api_url']} does not answer ({error}): run the job again"
        ) from error


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "environment": {"type": "str", "required": True},
            "api_url": {"type": "str", "required": True},
            "repository": {"type": "str", "required": True},
            "run": {"type": "str", "required": True},
            "release": {"type": "dict", "required": True},
            "token": {"type": "str", "default": "", "no_log": True},
            "approver": {"type": "str", "default": ""},
            "approver_source": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        if params["token"]:
            repository, run = params["repository"], params["run"]
            told = ask(params, github_run.run_path(repository, run))
            github_run.refuse_other_release(told, repository, run, params["release"])
            reviews = ask(params, github_run.reviews_path(repository, run))
            consent = github_run.consent_of(reviews, params["environment"], run)
        else:
            consent = github_run.named(params["approver"], params["approver_source"])
    except github_run.Unapproved as refusal:
        module.fail_json(msg=f"Nobody approved {params['environment']}, and nothing was changed: {refusal}.")
        return
    story = f"approved by {consent.approver} ({consent.via})"
    module.exit_json(changed=False, approver=consent.approver, via=consent.via, story=story)


if __name__ == "__main__":
    main()
