"""Pull an image with a login that is kept nowhere, and say what to check when that fails."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.slipway.core.plugins.module_utils.registry_name import registry_host

# Documented by the fragment slipway.core.pull.
OPTIONS: dict[str, dict[str, Any]] = {
    "username": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "timeout": {"type": "int", "default": 600},
}


def pull(engine: Engine, image: str, params: dict[str, Any]) -> None:
    """Pull ``image``, named with its tag or digest.

    :param params: the values of OPTIONS.
    :raises EngineError: it cannot be had; the message says what to check.
    """
    registry, username = registry_host(image), params["username"]
    login = {"username": username, "password": params["password"]} if username else {}
    try:
        engine.pull(image, login, params["timeout"])
    except EngineError as error:
        who = f"accepts the login of {username}" if username else "accepts pulls without a login"
        reason = " ".join(str(error).rstrip(".").split())
        raise EngineError(
            f"{image} cannot be had from {registry} ({reason}): check that the registry runs, that it {who}, "
            "and that the disk has room"
        ) from error
