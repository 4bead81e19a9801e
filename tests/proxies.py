"""The proxy's image in the lab's registry, and a newer one to go on to."""

from __future__ import annotations

from tests.lab import Lab
from tests.releases import run


def ensure_next_proxy(lab: Lab) -> str:
    """Push the lab's proxy with one more label, so that only its digest differs; returns the new image's name."""
    current = f"{lab.registry}/base/haproxy:lts"
    following = f"{current}-next"
    login = {"DOCKER_CONFIG": str(lab.directory / "docker")}
    run(["docker", "build", "--quiet", "--tag", following, "-"], login, text=f"FROM {current}\nLABEL proxy=next\n")
    run(["docker", "push", "--quiet", following], login)
    return following
