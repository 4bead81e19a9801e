"""A rollback does not depend on luck: what it needs is kept, and what is impossible is an error."""

from __future__ import annotations

import dataclasses

import pytest

from tests.integration.application import Application

KEEP = 2
HEALTHY = {"APP_FAULT": ""}
SHIPPED = [2, 3, 11, 12]


@pytest.fixture(scope="module")
def serving(application: Application) -> Application:
    """Production serves the first of many releases that staging has gone through since; all of them are good.

    The environment variable APP_FAULT takes the fault away that the later ones are built with.
    """
    if application.live("production") != "1.0.1":
        application.ship("staging", 1)
        application.ship("production", 1)
    variables = application.variables | {"deploy_keep_releases": KEEP, "deploy_env": HEALTHY}
    shipping = dataclasses.replace(application, variables=variables)
    for build in SHIPPED:
        shipping.ship("staging", build)
    return shipping


def kept(serving: Application) -> set[str]:
    """The versions whose image is on the target."""
    found = serving.target.docker("images", "--no-trunc", "--digests", "--format", "{{.Repository}}@{{.Digest}}")
    image = serving.variables["release_image"]
    digests = {line.partition("@")[2] for line in found.splitlines() if line.startswith(f"{image}@")}
    versions = {entry["digest"]: entry["version"] for entry in serving.ledger("staging") if "digest" in entry}
    return {versions[digest] for digest in digests if digest in versions}


def test_pruning_keeps_what_each_environment_may_need(serving: Application) -> None:
    """Staging's pruning leaves production's image alone."""
    assert kept(serving) == {"1.0.1", "1.0.11", "1.0.12"}
    configs = serving.target.run("ls", f"{serving.home('production')}/configs").split()
    assert serving.ledger("production")[-1]["config"] in configs


def test_rollback_to_the_oldest_kept_release_needs_no_registry(serving: Application) -> None:
    run = serving.run("rollback", env="staging", release_registry_password="wrong")
    assert run.code == 0, run.output
    assert serving.answer("staging")["version"] == "1.0.11"
    entry = serving.ledger("staging")[-1]
    assert (entry["event"], entry["kind"], entry["version"]) == ("deployed", "rollback", "1.0.11")


def test_rollback_brings_its_configuration_back(serving: Application) -> None:
    """A change of configuration alone is a release state of its own, and can be undone."""
    before = serving.answer("staging")
    serving.ship("staging", 11, deploy_env={**HEALTHY, "APP_ENVIRONMENT": "changed"})
    assert serving.answer("staging")["environment"] == "changed"
    run = serving.run("rollback", env="staging", deploy_env={**HEALTHY, "APP_ENVIRONMENT": "changed"})
    assert run.code == 0, run.output
    assert serving.answer("staging") == before


def test_rollback_whose_image_is_gone(serving: Application) -> None:
    """Impossible is an error, found while the live container serves."""
    digest = next(entry["digest"] for entry in serving.ledger("staging") if entry.get("version") == "1.0.3")
    with serving.untouched():
        run = serving.run("rollback", env="staging", version="1.0.3", release_registry_password="wrong")
    assert run.code != 0
    assert "1.0.3" in run.reason or digest in run.reason


def test_rollback_without_a_history(serving: Application) -> None:
    run = serving.run("rollback", env="staging", deploy_name=f"{serving.name}-none")
    assert run.reason.startswith("Nothing has been verified here yet, so there is nothing to go back to")
