"""Filters that turn reports into text for people."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.slipway.core.plugins.module_utils import gates, tables


class FilterModule:
    """Names the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "approval_request": tables.approval_request,
            "unapproved": gates.unapproved,
            "status_reports": tables.status_reports,
            "status_table": tables.status,
            "status_trouble": tables.status_trouble,
        }
