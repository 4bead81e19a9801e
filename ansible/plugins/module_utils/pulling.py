"""Pull an image with a login that is kept nowhere, and say what to check when that fails."""

from __future__ import annotations

from ansible_collections.slipway.core.plugins.module_utils.engine import Engine, EngineError


def pull(engine: Engine, image: str, username: str, password: str, deadline: float) -> None:
    """Pull ``image``, named with its tag or digest.

    :param deadline: seconds for the whole pull.
    :raises EngineError: it cannot be had; the message says what to check.
    """
    registry = image.split("/")[0]
    try:
        engine.pull(image, {"username": username, "password": password} if username else {}, deadline)
    except EngineError as error:
        who = f"accepts the login of {username}" if username else "accepts pulls without a login"
        reason = " ".join(str(error).rstrip(".").split())
        raise EngineError(
            f"{image} cannot be had from {registry} ({reason}): check that the registry runs, that it {who}, "
            "and that the disk has room"
        ) from error
