"""Filters that connect roles to the pure code in module_utils."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.core.plugins.module_utils import failure


def published(ports: dict[str, Any], container_port: int) -> str:
    """Where a container's port is reached on its host, as ``ip:port``."""
    bindings = ports.get(f"{container_port}/tcp")
    if not bindings:
        raise AnsibleFilterError(f"port {container_port} is not published: the container has stopped")
    return f"{bindings[0]['HostIp']}:{bindings[0]['HostPort']}"


def bracketed(address: str) -> str:
    """An address as it stands before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


class FilterModule:
    """Names the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"bracketed": bracketed, "failure": failure.report, "published": published}
