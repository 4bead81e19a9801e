"""How the registry is asked: each answer within a time limit that holds for all of it."""

from __future__ import annotations

import functools
from typing import Any

import requests
from ansible_collections.slipway.core.plugins.module_utils.deadline import within


class Session(requests.Session):
    """Requests that end with :class:`deadline.Expired` when connecting, redirects, headers and body take too long.

    :param seconds: what one answer may take.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """As of :class:`requests.Session`, and never a stream, whose body would be read when the time limit is gone."""
        ask = functools.partial(super().request, *args, **{**options, "stream": False})
        return within(self._seconds, ask)
