"""The proxy's image in the lab's registry, and others made from it."""

from __future__ import annotations

from tests.lab import Lab
from tests.releases import run

# It checks a configuration, and ends when it is started.
BROKEN = r"""USER root
RUN printf '#!/bin/sh\n[ "$1" = -c ] && exec /usr/sbin/haproxy "$@"\nexit 1\n' > /usr/local/sbin/haproxy \
 && chmod 0755 /usr/local/sbin/haproxy
"""
# By the name of each what is different in it: its digest, that it ends at once, that it has no HAProxy.
RECIPES = {"next": "LABEL proxy=next\n", "broken": BROKEN, "without": "ENV PATH=/usr/bin\n"}


def ensure_proxy(lab: Lab, name: str) -> str:
    """Push the lab's proxy with what is different in the one of this name; returns the image's name."""
    current = f"{lab.registry}/base/haproxy:lts"
    other = f"{current}-{name}"
    login = {"DOCKER_CONFIG": str(lab.directory / "docker")}
    run(["docker", "build", "--quiet", "--tag", other, "-"], login, text=f"FROM {current}\n{RECIPES[name]}")
    run(["docker", "push", "--quiet", other], login)
    return other
