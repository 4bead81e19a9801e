"""Filters that connect roles to the pure code in module_utils."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.slipway.core.plugins.module_utils import failure, fates, registry_name


def bracketed(address: str) -> str:
    """An address as it stands before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


class FilterModule:
    """Names the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "bracketed": bracketed,
            "failure": failure.report,
            "fates": fates.fates,
            "out_of_reach": fates.out_of_reach,
            "registry": registry_name.registry_host,
        }
