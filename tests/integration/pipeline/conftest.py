"""One user's repository for all tests of the workflows, and how long their jobs took."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.integration.application import Application
from tests.integration.pipeline.act import WorkflowRun
from tests.integration.pipeline.pipeline import Pipeline
from tests.integration.pipeline.repository import PRODUCTION_PORT, STAGING_PORT, Repository
from tests.integration.target import Target, run

REPORTED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTED] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how long each job took; the numbers are for people, no test depends on them."""
    if config.stash[REPORTED]:
        terminalreporter.section("workflows under act, seconds by job")
    for line in config.stash[REPORTED]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def pipeline(
    target: Target, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Pipeline]:
    """The repository of an application that has never been shipped."""
    lab, folder = target.lab, tmp_path_factory.mktemp("pipeline")
    name = f"p{secrets.token_hex(3)}"
    ports = {"staging": STAGING_PORT, "production": PRODUCTION_PORT}
    vault_password, token = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    repository = Repository(name, folder / "repository", folder / "origin.git", target)
    repository.create(vault_password, token)
    host_key = (lab.directory / "host_key.pub").read_text(encoding="ascii").strip()
    address = f"{lab.registry.rpartition('.')[0]}.10"

    def report(title: str, ended: WorkflowRun) -> None:
        times = ", ".join(f"{job} {seconds:.1f}" for job, seconds in ended.seconds.items())
        request.config.stash[REPORTED].append(f"{title}: {sum(ended.seconds.values()):.1f} ({times})")

    key = (lab.directory / "id_ed25519").read_text(encoding="ascii")
    yield Pipeline(
        repository,
        Application(name, target, address=address, ports=ports),
        secrets={
            "SLIPWAY_SSH_KEY": key,
            "SLIPWAY_REGISTRY_PASSWORD": lab.password,
            "SLIPWAY_VAULT_PASSWORD": vault_password,
        },
        variables={"SLIPWAY_KNOWN_HOSTS": f"{address} {host_key}", "SLIPWAY_TEST_TARGET": "environment"},
        private=[*key.splitlines()[1:-1], lab.password, vault_password, token],
        folder=folder,
        report=report,
    )
    target.forget(name)
    run(["sh", "-c", f"docker images --quiet '{repository.image}' | sort -u | xargs -r docker rmi --force"])
