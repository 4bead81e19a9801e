"""Options of the fault tests, and the application that they break."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.application import Application
from tests.integration.faults.bad_registry import BadRegistry, bad_registry
from tests.integration.faults.ground import Ground, under_load
from tests.integration.faults.ssh import Ssh
from tests.integration.target import Target

PORT = 8086
QUICK = {
    "deploy_health_passes": 1,
    "deploy_health_interval": 0.1,
    "deploy_stop_timeout": 5,
    "deploy_soak_seconds": 0,
    "deploy_warm_standby": 7200,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of one way of changing what serves run one after the other, as they share a ground."""
    ways = {place: way for place, item in enumerate(items) if (way := _way(item))}
    order = list(dict.fromkeys(ways.values()))
    grouped = sorted((items[place] for place in ways), key=lambda item: order.index(_way(item)))
    for place, item in zip(ways, grouped, strict=True):
        items[place] = item


def _way(item: pytest.Item) -> str:
    parametrized = getattr(item, "callspec", None)
    return str(parametrized.params.get("way", "")) if parametrized else ""


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that follow from the seed and the test's name."""
    return random.Random(f"{request.config.option.seed} {request.node.name}")


@pytest.fixture(scope="session")
def make(target: Target, image: str) -> Callable[..., Application]:
    """Makes an application on a port of its own."""

    def made(port: int, **variables: Any) -> Application:
        given = {
            "release_image": image,
            **QUICK,
            "deploy_port": port,
            "deploy_public_url": f"http://{target.address}:{port}",
            **variables,
        }
        return Application(f"f{secrets.token_hex(3)}", target, given, target.address, {"staging": port})

    return made


@pytest.fixture(scope="package")
def shared_ground(make: Callable[..., Application]) -> Iterator[Ground]:
    """An application under load whose strategy is blue_green, for all tests of faults."""
    app = make(PORT, deploy_memory="200m")
    with under_load(app) as ground:
        ground.fetch_all()
        yield ground
    app.target.forget(app.name)


@pytest.fixture
def ground(shared_ground: Ground) -> Ground:
    """A good release is live and answers, whatever became of the test before."""
    shared_ground.settle_down()
    return shared_ground


@pytest.fixture
def ssh(target: Target) -> Iterator[Ssh]:
    """The target's SSH, which is mended at the end in any case."""
    made = Ssh(target)
    yield made
    made.mend()


@pytest.fixture(scope="session")
def registry(target: Target, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadRegistry]:
    """A registry that can misbehave, with the lab's releases in it."""
    with bad_registry(target, tmp_path_factory.mktemp("registry")) as made:
        yield made
