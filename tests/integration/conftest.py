"""What the integration tests share: one lab, one set of releases, and applications of their own on it."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "collections"))

from tests import releases  # noqa: E402
from tests.integration import verbs  # noqa: E402
from tests.integration.application import APPROVER, Application  # noqa: E402
from tests.integration.faults.report import Report  # noqa: E402
from tests.integration.target import Target  # noqa: E402
from tests.lab import Lab  # noqa: E402
from tools.steps import environment  # noqa: E402

QUICK = {
    "deploy_health_passes": 1,
    "deploy_health_interval": 0.1,
    "deploy_stop_timeout": 5,
    "deploy_soak_seconds": 0,
    # What is kept of a failed attempt is looked at where it is tested.
    "deploy_keep_failed": 0,
    # Longer than all tests take together, so that no run of theirs is the one that stops a standby.
    "deploy_warm_standby": 7200,
    "release_approvers": [APPROVER],
}
TRAFFIC = pytest.StashKey[list[tuple[str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TRAFFIC] = []
    config.addinivalue_line("markers", "thorough: only with --all-faults, as it takes long")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--all-faults", action="store_true", help="every fault, not only the quick ones")
    group.addoption("--kills", type=int, default=8, help="random instants for each way of changing what serves")
    group.addoption("--seed", type=int, help="of the random instants (default: a new one, which is printed)")


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("--seed") is None:
        config.option.seed = secrets.randbelow(10**6)
    return f"random instants: --seed {config.option.seed}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --all-faults the thorough ones are not chosen, which pytest says as ``deselected``."""
    if config.getoption("--all-faults"):
        return
    thorough = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=thorough)
    items[:] = [item for item in items if item not in thorough]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was seen under traffic; the numbers are for people, no test depends on them."""
    lines = config.stash[TRAFFIC]
    if lines:
        terminalreporter.section("requests every 50 ms to the public port, by strategy")
    for name, line in lines:
        terminalreporter.write_line(f"{name:<{max(len(known) for known, _ in lines)}}  {line}")


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """A verb that a test has started and not waited for, as the test failed, is not the next test's affair."""
    yield
    for process in list(verbs.RUNNING):
        process.kill()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Where a test keeps its rows of docs/RELIABILITY.md."""
    return Report(request.node.nodeid)


@pytest.fixture
def traffic_report(request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    """Lines of the table that is printed at the end, each with a name."""
    return request.config.stash[TRAFFIC]


@pytest.fixture(scope="session")
def target() -> Target:
    """The first VM of the lab instance that SLIPWAY_LAB names, with the lab up."""
    lab = Lab.chosen()
    up = subprocess.run(
        ["ansible-playbook", "lab/up.yml"],
        cwd=ROOT,
        env=environment(lab.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert up.returncode == 0, up.stdout + up.stderr
    return Target(lab, lab.vms[0])


@pytest.fixture(scope="session")
def image(target: Target) -> str:
    """The repository that holds the releases: 1 to 5 are good, 11 to 19 are broken each in its way."""
    releases.ensure(target.lab)
    return releases.image(target.lab)


@pytest.fixture(scope="session")
def application(target: Target, image: str) -> Iterator[Application]:
    """One application for all tests, as first deployments take time; what it leaves is removed at the end."""
    variables = {"release_image": image, **QUICK}
    made = Application(f"t{secrets.token_hex(3)}", target, variables)
    yield made
    target.forget(made.name)


@pytest.fixture(scope="session")
def recreated(target: Target, image: str) -> Iterator[Application]:
    """Another application beside it, whose strategy is recreate and whose staging serves 1.0.1."""
    port, address = 8083, target.address
    variables = {
        "release_image": image,
        **QUICK,
        "deploy_strategy": "recreate",
        "deploy_port": port,
        "deploy_public_url": f"http://{address}:{port}",
    }
    made = Application(f"r{secrets.token_hex(3)}", target, variables, address, {"staging": port})
    made.ship("staging", 1)
    yield made
    target.forget(made.name)


@pytest.fixture(scope="module")
def promoted(application: Application) -> Application:
    """Production serves 1.0.1, and staging has proven 1.0.2 since, which nobody has approved."""
    if application.live("production") != "1.0.1":
        application.ship("staging", 1)
        application.ship("production", 1)
    application.ship("staging", 2)
    return application


@pytest.fixture(scope="module")
def serving(application: Application) -> Application:
    """Staging serves 1.0.1."""
    application.ship("staging", 1)
    return application
