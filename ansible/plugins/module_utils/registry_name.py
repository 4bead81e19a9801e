"""Which registry an image's name means, by Docker's own rules. Every login is for what this says."""

from __future__ import annotations

DOCKER_HUB = "docker.io"
DOCKER_HUB_SERVER = "https://index.docker.io/v1/"
_DOCKER_HUB_NAMES = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


def split_image(image: str) -> tuple[str, str]:
    """Registry host and the rest of an image's name, by Docker's rule for names without a host.

    Docker Hub has one name here, however it is spelled, and its official images are below ``library/`` there.
    """
    first, slash, rest = image.partition("/")
    # Repositories are written in small letters, so that a capital one makes it a host as well.
    if not slash or not (any(sign in first for sign in ".:") or first == "localhost" or first != first.lower()):
        first, rest = DOCKER_HUB, image
    if first.lower() not in _DOCKER_HUB_NAMES:
        return first, rest
    return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"


def registry_host(image: str) -> str:
    """The host of an image's registry, with its port if it names one; the image may have a tag and a digest."""
    return split_image(image)[0]


def login_server(image: str) -> str:
    """The name under which Docker keeps the login for an image's registry, and wants it told with a pull.

    With its containerd image store, the Engine drops a login that was not given for the host that it asks, and for
    Docker Hub this one spelling means that host.
    """
    host = registry_host(image)
    return DOCKER_HUB_SERVER if host == DOCKER_HUB else host
