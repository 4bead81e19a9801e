"""HAProxy with the role's template on this machine, without a VM, for the tests of what anybody may do to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests import lone_front
from tests.integration.target import Target
from tests.lone_clients import GREEDY
from tests.lone_front import FEW, Application, LoneFront, Start


@pytest.fixture(scope="session")
def image(target: Target) -> str:
    """HAProxy as the lab has it."""
    return f"{target.lab.registry}/base/haproxy:lts"


@pytest.fixture(scope="module")
def applications() -> Iterator[tuple[Application, Application]]:
    """The live one, and the candidate."""
    with lone_front.application("1.0.1") as live, lone_front.application("1.0.2") as candidate:
        yield live, candidate


@pytest.fixture(scope="module")
def start(
    image: str, applications: tuple[Application, Application], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Starts HAProxy with variables of the roles, in front of both."""
    slots = {"proxy_blue_port": applications[0].port, "proxy_green_port": applications[1].port}
    with contextlib.ExitStack() as stack:

        def begin(**variables: Any) -> LoneFront:
            folder = tmp_path_factory.mktemp("front") / "etc"
            return stack.enter_context(lone_front.front(image, folder, **{**slots, **variables}))

        yield begin


@pytest.fixture(scope="module")
def plain(start: Start) -> LoneFront:
    """As it is by default."""
    return start()


@pytest.fixture(scope="module")
def limited(start: Start) -> LoneFront:
    """One client may take little."""
    return start(**FEW)


@pytest.fixture(scope="module")
def behind(start: Start) -> LoneFront:
    """The same behind a proxy that is trusted: GREEDY."""
    return start(**FEW, proxy_trusted_networks=[f"{GREEDY}/32"])
