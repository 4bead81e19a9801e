"""The Docker network of an environment: its containers are on it, and reach no other container, nor one another.

What each option of a bridge does: https://docs.docker.com/engine/network/drivers/bridge/#options
"""

from __future__ import annotations

from typing import Any, Sequence

from ansible_collections.slipway.core.plugins.module_utils import labels
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine

OPTIONS = {"com.docker.network.bridge.enable_icc": "false"}


def own_name(home: str) -> str:
    """The name of an environment's own network; ``home`` is ``<app>-<environment>``."""
    return f"slipway-{home}"


def chosen(networks: Sequence[dict[str, Any]], home: str) -> list[dict[str, Any]]:
    """The networks of a release: those that ``deploy_networks`` has, or else the environment's own."""
    return list(networks) or [{"name": own_name(home)}]


def refuse_missing(engine: Engine, networks: Sequence[dict[str, Any]], app: str, environment: str) -> None:
    """Refuse networks that are not there, but for the environment's own, which :func:`provide` makes.

    :raises ValueError: one is missing, or somebody else's has the name of ours.
    """
    own = own_name(f"{app}-{environment}")
    for name in (str(network["name"]) for network in networks):
        found = engine.network(name)
        if name != own and found is None:
            raise ValueError(
                f"deploy_networks has {name!r}, which Docker does not know here: make it with docker network create "
                f"{name}, and run the same command again"
            )
        if name == own and found is not None and not labels.are_of(found.get("Labels") or {}, app, environment):
            raise ValueError(
                f"Docker has a network {name}, which is not Slipway's and has the name of this environment's own: "
                f"remove it with docker network rm {name}, or name the networks to use in deploy_networks"
            )


def provide(engine: Engine, networks: Sequence[dict[str, Any]], app: str, environment: str) -> None:
    """Make the environment's own network where a release needs it and it is not there.

    :raises EngineError: Docker does not make it.
    """
    own = own_name(f"{app}-{environment}")
    if any(network["name"] == own for network in networks) and engine.network(own) is None:
        engine.create_network(own, {labels.APP: app, labels.ENVIRONMENT: environment}, OPTIONS)
