"""One user's repository for all tests of the workflows, and how long their jobs took."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

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


MakePipeline = Callable[..., Pipeline]


@pytest.fixture(scope="module")
def make_pipeline(
    target: Target, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[MakePipeline]:
    """Make the repository of an application that was never shipped: a clone, or only some ``parts`` of the project.

    What it ships is removed at the end.
    """
    lab = target.lab
    made: list[Repository] = []

    def report(title: str, ended: WorkflowRun) -> None:
        times = ", ".join(f"{job} {seconds:.1f}" for job, seconds in ended.seconds.items())
        request.config.stash[REPORTED].append(f"{title}: {sum(ended.seconds.values()):.1f} ({times})")

    def make(parts: tuple[str, ...] = ("",)) -> Pipeline:
        folder = tmp_path_factory.mktemp("pipeline")
        name, vault_password, token = (f"p{secrets.token_hex(3)}", *(secrets.token_urlsafe(12) for _ in range(2)))
        repository = Repository(name, folder / "repository", folder / "origin.git", target)
        made.append(repository)
        repository.create(vault_password, token, parts)
        host_key = (lab.directory / "host_key.pub").read_text(encoding="ascii").strip()
        key = (lab.directory / "id_ed25519").read_text(encoding="ascii")
        ports = {"staging": STAGING_PORT, "production": PRODUCTION_PORT}
        return Pipeline(
            repository,
            Application(name, target, address=repository.address, ports=ports),
            secrets={
                "SLIPWAY_SSH_KEY": key,
                "SLIPWAY_REGISTRY_PASSWORD": lab.password,
                "SLIPWAY_VAULT_PASSWORD": vault_password,
            },
            variables={
                "SLIPWAY_KNOWN_HOSTS": f"{repository.address} {host_key}",
                "SLIPWAY_TEST_TARGET": "environment",
            },
            private=[*key.splitlines()[1:-1], lab.password, vault_password, token],
            folder=folder,
            report=report,
        )

    yield make
    for repository in made:
        target.forget(repository.name)
        run(["sh", "-c", f"docker images --quiet '{repository.image}' | sort -u | xargs -r docker rmi --force"])


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline) -> Pipeline:
    """The pipeline of a clone of this project."""
    return make_pipeline()
