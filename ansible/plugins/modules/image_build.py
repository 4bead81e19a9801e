#!/usr/bin/python
# SPDX-License-Identifier: MIT

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build an image with BuildKit, whichever Docker command line can
description:
  - Uses the first C(docker) on E(PATH) that builds with BuildKit, by buildx or, before version 23, by itself.
  - The build's output goes to a file as it comes. The message of a failed build holds its last lines.
version_added: 0.1.0
author: Slipway contributors (@slipway)
options:
  names:
    description: Names of the image, each with its tag.
    type: list
    elements: str
    required: true
  context:
    description: Folder that is sent to the build.
    type: path
    required: true
  dockerfile:
    description: The Dockerfile.
    type: path
    required: true
  args:
    description: Build arguments. They stay visible in the image, so they are no place for secrets.
    type: dict
    default: {}
  labels:
    description: Labels of the image. They win over those in the Dockerfile.
    type: dict
    default: {}
  secrets:
    description: BuildKit secrets, as id to file.
    type: dict
    default: {}
  log:
    description: File that gets the output. Its folder is created when it is missing.
    type: path
    required: true
  timeout:
    description: Seconds that the build may take.
    type: float
    default: 1800.0
attributes:
  check_mode:
    support: full
    description: Finds out whether it could build, and builds nothing.
  diff_mode:
    support: none
    description: An image has no meaningful difference to show.
notes:
  - Built every time it is called, so always changed. The Docker Engine's cache makes that cheap.
"""

EXAMPLES = r"""
- name: Build | One image
  slipway.core.image_build:
    names: [registry.example.com/team/myapp:1.0.42]
    context: "{{ playbook_dir }}"
    dockerfile: "{{ playbook_dir }}/Dockerfile"
    args: {VERSION: 1.0.42}
    secrets: {ca: /etc/ssl/certs/ca-certificates.crt}
    log: /tmp/build.log
"""

RETURN = r"""
command:
  description: The command that built, or would build.
  returned: success
  type: list
  elements: str
config:
  description: Digest of the image's configuration, which names its content; empty when nothing was built.
  returned: success
  type: str
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.core.plugins.module_utils.docker_cli import (
    BuildError,
    find_builder,
    run_build,
)


def check_files(params: dict[str, Any]) -> None:
    """Raise :class:`BuildError` for a folder or file that is named and is not there."""
    if not Path(params["context"]).is_dir():
        raise BuildError(f"There is no folder {params['context']} to build from: set build_context.")
    if not Path(params["dockerfile"]).is_file():
        raise BuildError(
            f"There is no Dockerfile {params['dockerfile']}: write one, or set build_dockerfile."
        )
    for name, path in params["secrets"].items():
        if not Path(path).is_file():
            raise BuildError(
                f"The build's secret {name!r} names {path}, which is no file: set build_{name}_file."
            )


def command_line(builder: list[str], params: dict[str, Any]) -> list[str]:
    """The whole build command."""
    command = [*builder, "--progress=plain", "--file", params["dockerfile"]]
    for name in params["names"]:
        command += ["--tag", name]
    for name, value in params["args"].items():
        command += ["--build-arg", f"{name}={value}"]
    for name, value in params["labels"].items():
        command += ["--label", f"{name}={value}"]
    for name, path in params["secrets"].items():
        command += ["--secret", f"id={name},src={path}"]
    return [*command, params["context"]]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "context": {"type": "path", "required": True},
            "dockerfile": {"type": "path", "required": True},
            "args": {"type": "dict", "default": {}},
            "labels": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}},
            "log": {"type": "path", "required": True},
            "timeout": {"type": "float", "default": 1800.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    # One plain manifest: without attestations, which would make it an index of two.
    environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    config = ""
    try:
        check_files(params)
        command = command_line(find_builder(os.environ.get("PATH", os.defpath), environment), params)
        if not module.check_mode:
            log = Path(params["log"])
            log.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="slipway-build-") as folder:
                told = Path(folder, "id")
                run_build([*command[:-1], "--iidfile", str(told), command[-1]], environment, log, params["timeout"])
                config = told.read_text(encoding="ascii").strip()
    except (BuildError, OSError) as error:
        module.fail_json(msg=str(error))
        return
    story = f"{'would build' if module.check_mode else 'built'} {params['names'][0]}"
    module.exit_json(changed=True, command=command, config=config, story=story)


if __name__ == "__main__":
    main()
