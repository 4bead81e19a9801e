"""A target without room for an image is refused, and what could be freed there is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import preflight
from ansible_collections.slipway.core.plugins.module_utils.reclaimable import reclaimable, told

MIB = 1024**2
DIGEST, OLDER = (f"sha256:{letter * 64}" for letter in "ab")
IMAGE = "r.example/team/app"
NEEDS = {"docker": "20.10", "disk_mb": 1024, "state_mb": 16, "lease": 900, "phases": 60, "digest": DIGEST}


def opened(**changes: Any) -> dict[str, Any]:
    return {
        "engine": {"version": "20.10.24+dfsg1"},
        "disk": {"path": "/var/lib/docker", "free_mb": 2000},
        "state_disk": {"path": "/var/lib/slipway", "free_mb": 2000},
        "slots": {"foreign": ""},
        "digests": [OLDER],
        "ports": [],
        **changes,
    }


def problem(layers_mb: int = 0, freeable: dict[str, Any] | None = None, **changes: Any) -> str:
    return preflight.problem("vm", "staging", opened(**changes), {**NEEDS, "layers": layers_mb * MIB}, freeable)


@pytest.mark.parametrize(("layers_mb", "fits"), [(0, True), (325, True), (326, False)])
def test_an_image_needs_three_times_its_layers(layers_mb: int, fits: bool) -> None:
    assert (problem(layers_mb) == "") is fits
    assert preflight.lacks_disk(opened(), {**NEEDS, "layers": layers_mb * MIB}) is not fits


def test_an_image_that_is_there_needs_nothing_more() -> None:
    assert problem(9999, digests=[DIGEST]) == ""


def test_a_refusal_says_what_is_needed_and_what_is_free() -> None:
    assert problem(400, {"dangling": NONE, "unused": NONE, "releases": NONE, "cache": 0}) == (
        "/var/lib/docker on vm has 2000 MiB free and 2224 MiB are needed (3 times the 400 MiB of the image's layers, "
        "and deploy_disk_min_mb): free some or enlarge it, as Docker has nothing unused there, and run the same "
        "command again."
    )
    assert "has 1000 MiB free and 1024 MiB are needed (deploy_disk_min_mb)" in problem(
        disk={"path": "/", "free_mb": 1000}
    )
    assert "free some, for instance with docker builder prune, and" in problem(400)


NONE = {"count": 0, "bytes": 0, "names": []}


def image(size_mb: int, tags: Any = None, digests: Any = None, containers: int = 0, shared_mb: int = 0) -> Any:
    return {
        "Id": "sha256:" + "0123456789abcdef" * 4,
        "Size": size_mb * MIB,
        "SharedSize": shared_mb * MIB,
        "RepoTags": tags,
        "RepoDigests": digests,
        "Containers": containers,
    }


USAGE = {
    "Images": [
        image(500, ["nginx:1"], containers=1),
        image(90, ["big:1"]),
        image(30, ["small:1", "small:2"]),
        image(70, ["r.example/other:slipway-app-staging-2"], [f"r.example/other@{OLDER}"]),
        image(50, ["<none>:<none>"], ["<none>@<none>"], shared_mb=40),
        image(60, [f"{IMAGE}:slipway-app-staging-1"], [f"{IMAGE}@{DIGEST}"], shared_mb=-1),
    ],
    "BuildCache": [
        {"Size": 5 * MIB, "InUse": False, "Shared": False},
        {"Size": 7 * MIB, "InUse": True, "Shared": False},
        {"Size": 9 * MIB, "InUse": False, "Shared": True},
    ],
}


def test_what_could_be_freed() -> None:
    found = reclaimable(USAGE, IMAGE, {OLDER})
    assert told(found) == (
        "10 MiB of 1 dangling image (docker image prune), "
        "120 MiB of 2 unused images (docker image rm big:1 small:1), "
        "5 MiB of build cache (docker builder prune), "
        "130 MiB of 2 releases kept for rollbacks (a smaller deploy_keep_releases)"
    )
    assert "for instance 10 MiB of 1 dangling image" in problem(400, found)


def test_a_release_is_never_named_for_removal() -> None:
    found = reclaimable(USAGE, IMAGE, {OLDER})
    assert not any(IMAGE in name or OLDER in name for name in found["unused"]["names"])


def test_docker_image_prune_is_advised_only_while_it_takes_no_release() -> None:
    """Those that an earlier version has pulled have no tag until the next deployment has ended."""
    untagged = {"Images": [image(50), image(60, None, [f"{IMAGE}@{DIGEST}"])]}
    assert told(reclaimable(untagged, IMAGE, ())).startswith(
        "50 MiB of 1 dangling image (docker image rm 0123456789ab), "
    )


def test_nothing_to_free() -> None:
    assert told(reclaimable({"Images": None}, IMAGE, ())) == ""


def test_a_container_of_somebody_else_in_the_way_is_told_first() -> None:
    assert problem(slots={"foreign": "x is in the way"}) == "x is in the way."
