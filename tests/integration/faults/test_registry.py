"""Whatever the registry does, what serves goes on serving, and the deployment ends with a sentence that says why."""

from __future__ import annotations

import re

import pytest

from tests import releases
from tests.integration.faults.bad_registry import BadRegistry
from tests.integration.faults.ground import Ground
from tests.integration.faults.report import Row, answered, troubles
from tests.integration.target import Target, run
from tests.integration.test_refusals import registry_down, wait_for_registry  # noqa: F401
from tests.integration.verbs import Run

FRESH_BUILD = 91
PULL_SECONDS = 5


def assert_nothing_happened(ground: Ground, fault: str, request: pytest.FixtureRequest) -> None:
    """The old release served all the time; the same version arrives once the registry is well again."""
    app, version = ground.app, f"1.0.{ground.build}"
    after = app.answer("staging")["version"]
    during = ground.traffic.take()
    ground.assert_settled(version, fresh=0)
    assert {outcome.version for outcome in during if outcome.version} == {version}
    assert troubles(during) == {}
    Row(
        group="Registry",
        fault=fault,
        during=answered(during),
        after=after,
        following="deploys what is asked for",
        requests=len(during),
        failed={},
        test=request.node.nodeid,
    ).keep()


# Fault to what it is, the phase after which it begins, and what the deployment says about it.
BROKEN = {
    "slow": ("10 kB/s", "resolve", r"not finished within 5 s"),
    "refusing": ("refuses layers with 503", "resolve", r"cannot be had from"),
    "corrupt": ("a layer with a flipped bit", "resolve", r"cannot be had from"),
    "other": ("serves another digest than the one asked for", "resolve", r"cannot be had from"),
    "silent": ("accepts connections and never answers", "resolve", r"not finished within 5 s|timed out"),
    "silent from the start": ("accepts connections and never answers", "validate", r"did not answer|timed out"),
}
QUICK = ("corrupt", "silent")


@pytest.mark.parametrize("kind", [pytest.param(it, marks=() if it in QUICK else pytest.mark.thorough) for it in BROKEN])
def test_release_that_cannot_be_had(
    ground: Ground, registry: BadRegistry, kind: str, request: pytest.FixtureRequest
) -> None:
    version = registry.fresh(FRESH_BUILD)
    what, phase, expected = BROKEN[kind]
    ground.settle()
    settings = {"release_image": registry.image, "deploy_pull_timeout": PULL_SECONDS}
    process = ground.app.start("deploy", env="staging", version=version, **settings)
    process.wait_for(phase)
    with registry.broken(kind.partition(" ")[0], instead="1.0.2"):
        ended = process.end()
    assert ended.code != 0, ended.output
    assert re.search(expected, ended.output), ended.output
    assert_nothing_happened(ground, f"registry {what}, after {phase}", request)


@pytest.mark.usefixtures("registry_down")
def test_registry_that_is_down(ground: Ground, request: pytest.FixtureRequest) -> None:
    ground.settle()
    ended = ground.app.run("deploy", env="staging", version="1.0.4")
    assert "check that it is up" in ended.reason
    assert_nothing_happened(ground, "registry down", request)


@pytest.mark.thorough
def test_registry_that_goes_down_once_the_image_is_here(
    ground: Ground, target: Target, request: pytest.FixtureRequest
) -> None:
    """After preflight nothing is asked of the registry for an image that the target has."""
    old, version = ground.next()
    process = ground.app.start("deploy", env="staging", version=version)
    process.wait_for("preflight")
    run(["docker", "stop", "--time", "1", target.registry])
    try:
        ended = process.end()
    finally:
        run(["docker", "start", target.registry])
        wait_for_registry(target)
    assert_arrived(ground, old, version, "registry stopped after preflight", ended, request)


def test_tag_that_moves_in_the_middle(ground: Ground, registry: BadRegistry, request: pytest.FixtureRequest) -> None:
    """What was resolved is deployed, wherever the tag points to by then."""
    app, image = ground.app, releases.image(registry.lab)
    version = registry.fresh(FRESH_BUILD)
    resolved = releases.digest(registry.lab, image, version)
    old = f"1.0.{ground.build}"
    ground.settle()
    process = app.start("deploy", env="staging", version=version)
    process.wait_for("resolve")
    releases.move(registry.lab, image, version, "1.0.2")
    ended = process.end()
    assert app.ledger("staging")[-1]["digest"] == resolved
    assert_arrived(ground, old, version, "tag moved after resolve", ended, request, again=False)
    back = app.run("rollback", env="staging", version=old)
    assert back.code == 0, back.output


@pytest.mark.thorough
def test_tag_that_is_deleted_in_the_middle(
    ground: Ground, registry: BadRegistry, request: pytest.FixtureRequest
) -> None:
    version = registry.fresh(FRESH_BUILD)
    old = f"1.0.{ground.build}"
    ground.settle()
    process = ground.app.start("deploy", env="staging", version=version, release_image=registry.image)
    process.wait_for("resolve")
    with registry.broken("untagged"):
        ended = process.end()
    assert_arrived(ground, old, version, "tag deleted after resolve", ended, request, again=False)
    back = ground.app.run("rollback", env="staging", version=old)
    assert back.code == 0, back.output


def assert_arrived(
    ground: Ground, old: str, version: str, fault: str, ended: Run, request: pytest.FixtureRequest, again: bool = True
) -> None:
    """The deployment does not mind.

    :param again: whether the same command can be run once more.
    """
    assert ended.code == 0, ended.output
    ground.assert_settled(version)
    following = "nothing to do"
    if again:
        repeated = ground.app.run("deploy", env="staging", version=version)
        assert repeated.code == 0, repeated.output
        assert repeated.changed == 0
    during = ground.traffic.take()
    assert {outcome.version for outcome in during if outcome.version} <= {old, version}
    assert troubles(during) == {}
    Row(
        group="Registry",
        fault=fault,
        during=answered(during),
        after=version,
        following=following if again else "rolls back",
        requests=len(during),
        failed={},
        test=request.node.nodeid,
    ).keep()
