"""Whatever the registry does, what serves goes on serving, and the deployment ends with a sentence that says why."""

from __future__ import annotations

import re

import pytest

from tests import releases
from tests.integration import lab_registry
from tests.integration.faults.bad_registry import BadRegistry
from tests.integration.faults.ground import Ground
from tests.integration.faults.report import Report
from tests.integration.target import Target

NOT_YET_DEPLOYED = "1.0.4"
PULL_SECONDS = 5

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
def test_release_that_cannot_be_had(ground: Ground, registry: BadRegistry, kind: str, report: Report) -> None:
    what, phase, expected = BROKEN[kind]
    old, version = ground.next(registry.fresh())
    process = ground.app.start(
        "deploy", env="staging", version=version, release_image=registry.image, deploy_pull_timeout=PULL_SECONDS
    )
    process.wait_for(phase)
    with registry.broken(kind.partition(" ")[0], instead="1.0.2"):
        ended = process.end()
    assert ended.code != 0, ended.output
    assert re.search(expected, ended.output), ended.output
    ground.assert_settled(old, fresh=0)
    aftermath = ground.recover(old, version, release_image=registry.image)
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep("Registry", f"registry {what}, after {phase}", aftermath)


def test_registry_that_is_down(ground: Ground, target: Target, report: Report) -> None:
    old, version = ground.next(NOT_YET_DEPLOYED)
    with lab_registry.stopped(target):
        ended = ground.app.run("deploy", env="staging", version=version)
    assert "check that it is up" in ended.reason
    ground.assert_settled(old, fresh=0)
    aftermath = ground.recover(old, version)
    assert (aftermath.after, aftermath.failed) == (old, {})
    report.keep("Registry", "registry down", aftermath)


@pytest.mark.thorough
def test_registry_that_goes_down_once_the_image_is_here(ground: Ground, target: Target, report: Report) -> None:
    """After preflight nothing is asked of the registry for an image that the target has."""
    old, version = ground.next()
    process = ground.app.start("deploy", env="staging", version=version)
    process.wait_for("preflight")
    with lab_registry.stopped(target):
        ended = process.end()
    assert ended.code == 0, ended.output
    assert_arrived(ground, old, version, "registry stopped after preflight", report)


def test_tag_that_moves_in_the_middle(ground: Ground, registry: BadRegistry, report: Report) -> None:
    """What was resolved is deployed, wherever the tag points to by then."""
    lab, image = registry.lab, releases.image(registry.lab)
    old, version = ground.next(registry.fresh())
    resolved = releases.digest(lab, image, version)
    process = ground.app.start("deploy", env="staging", version=version)
    process.wait_for("resolve")
    releases.move(lab, image, version, "1.0.2")
    ended = process.end()
    assert ended.code == 0, ended.output
    assert ground.app.ledger("staging")[-1]["digest"] == resolved
    releases.move(lab, image, version, resolved)
    assert_arrived(ground, old, version, "tag moved after resolve, and back at the end", report)


@pytest.mark.thorough
def test_tag_that_is_deleted_in_the_middle(ground: Ground, registry: BadRegistry, report: Report) -> None:
    old, version = ground.next(registry.fresh())
    given = {"release_image": registry.image}
    process = ground.app.start("deploy", env="staging", version=version, **given)
    process.wait_for("resolve")
    with registry.broken("untagged"):
        ended = process.end()
    assert ended.code == 0, ended.output
    assert_arrived(ground, old, version, "tag deleted after resolve, and there again at the end", report, **given)


def assert_arrived(ground: Ground, old: str, version: str, fault: str, report: Report, **variables: str) -> None:
    """The deployment did not mind, and there is nothing left to do."""
    aftermath = ground.recover(old, version, **variables)
    assert (aftermath.after, aftermath.failed) == (version, {})
    assert aftermath.following.changed == 0
    report.keep("Registry", fault, aftermath)
