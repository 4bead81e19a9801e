"""The configuration that a deployment asks for, from what Ansible hands to a module."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import network, texts
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration

TEXT_LISTS = ("command", "entrypoint", "volumes", "tmpfs", "capabilities")


def configuration(public: dict[str, Any], secrets: str, home: str) -> Configuration:
    """Read the module options ``configuration`` and ``secrets`` (JSON of ``env`` and ``files``).

    ``home`` is ``<app>-<environment>``; without networks of the user a release is on the environment's own.

    :raises ValueError: a value that is no text where one belongs; the message names it, and no secret's value.
    """
    hidden = json.loads(secrets)
    settings = dict(public)
    settings["networks"] = network.chosen(public.get("networks") or [], home)
    settings["env"] = public.get("env") or {}
    secrets_env, secret_files = hidden.get("env") or {}, hidden.get("files") or {}
    problems = [
        *texts.mapping_problems("deploy_env", settings["env"], False),
        *texts.mapping_problems("deploy_labels", public.get("labels") or {}, False),
        *texts.network_problems("deploy_networks", settings["networks"]),
        *texts.mapping_problems("deploy_secret_env", secrets_env, True),
        *texts.mapping_problems("deploy_secrets", secret_files, True),
    ]
    for name in TEXT_LISTS:
        problems += texts.list_problems(f"deploy_{name}", public.get(name) or [])
    if problems:
        raise ValueError("; ".join(problems))
    return Configuration(settings, secrets_env, secret_files)
