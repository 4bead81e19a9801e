"""The configuration that a deployment asks for, from what Ansible hands to a module."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import network
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration


def configuration(public: dict[str, Any], secrets: str, home: str) -> Configuration:
    """Read the module options ``configuration`` and ``secrets`` (JSON of ``env`` and ``files``).

    ``home`` is ``<app>-<environment>``; without networks of the user a release is on the environment's own.

    Environment variables become texts, the way YAML spells them (``true``, not ``True``).

    :raises ValueError: a value that is neither text, number nor boolean; the message names it, not its value.
    """
    hidden = json.loads(secrets)
    settings = dict(public)
    settings["networks"] = network.chosen(public.get("networks") or [], home)
    settings["env"] = _texts("deploy_env", public.get("env") or {})
    return Configuration(
        settings,
        _texts("deploy_secret_env", hidden.get("env") or {}),
        _texts("deploy_secrets", hidden.get("files") or {}),
    )


def _texts(variable: str, values: dict[str, Any]) -> dict[str, str]:
    texts = {}
    for name, value in values.items():
        if isinstance(value, bool):
            texts[name] = "true" if value else "false"
        elif isinstance(value, (str, int, float)):
            texts[name] = str(value)
        else:
            raise ValueError(f"{variable} has {name!r}, whose value is neither text, number nor boolean")
    return texts
