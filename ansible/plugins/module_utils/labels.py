"""The labels by which Slipway knows its containers again, and what they say about one."""

from __future__ import annotations

import re
from typing import Any

PREFIX = "io.slipway."
APP = PREFIX + "app"
ENVIRONMENT = PREFIX + "environment"
VERSION = PREFIX + "version"
COMMIT = PREFIX + "commit"
DIGEST = PREFIX + "digest"
CONFIG = PREFIX + "config"
RUN = PREFIX + "run"
SLOT = PREFIX + "slot"
PROTOCOL = PREFIX + "protocol"

PROXY = PREFIX + "proxy"

CANDIDATE = "candidate"
PUBLIC = "public"
FRONT = "proxy"
"""The slot of the proxy's own container."""
BEHIND_PROXY = ("blue", "green")
HTTP1, H2 = "http1", "h2"
"""What the application of a container speaks: HTTP/1.1, or HTTP/2 in clear with prior knowledge."""
FAILED = "failed"
"""What is kept of a failed attempt, under a name of its own, is in no slot any more."""


def failed_name(home: str, run: str) -> str:
    """The name under which the container of a failed attempt is kept; ``home`` is ``<app>-<environment>``."""
    return f"{home}-{FAILED}-{run}"


def slot_name(home: str, slot: str) -> str:
    """The name of the container in a slot behind the proxy; ``home`` is ``<app>-<environment>``."""
    return f"{home}-{slot}"


def is_front_name(home: str, name: str) -> bool:
    """Whether a name is one that a container of the proxy gets; ``home`` is ``<app>-<environment>``."""
    return bool(re.fullmatch(rf"{re.escape(home)}-{FRONT}-[0-9a-f]{{8}}", name))


def are_of(labels: dict[str, str], app: str, environment: str) -> bool:
    """Whether these labels are those of a container of ours in this environment."""
    return labels.get(APP) == app and labels.get(ENVIRONMENT) == environment


def _is_failed(container: dict[str, Any], labels: dict[str, str]) -> bool:
    home = f"{labels.get(APP, '')}-{labels.get(ENVIRONMENT, '')}"
    return str(container["Name"]).lstrip("/") == failed_name(home, labels.get(RUN, ""))


def describe(container: dict[str, Any]) -> dict[str, Any]:
    """One container of ours, from the Engine's inspection of it.

    :returns: id, name, image (as it was asked for), version, commit, digest, config, run, slot, protocol, proxy (its
        identity), restart_policy, status (``running``, ``paused``, ``exited``, …), running (which one that is paused is
        not), exit_code, oom_killed, started_at, and ports: a mapping of ``<port>/<protocol>`` to ``ip:port``, empty
        while it is stopped; bindings is the same as it was asked for.
    """
    labels = container["Config"].get("Labels") or {}
    state = container["State"]
    published = (container.get("NetworkSettings") or {}).get("Ports") or {}
    return {
        "id": container["Id"],
        "name": container["Name"].lstrip("/"),
        "image": str(container["Config"].get("Image") or ""),
        "version": labels.get(VERSION, ""),
        "commit": labels.get(COMMIT, ""),
        "digest": labels.get(DIGEST, ""),
        "config": labels.get(CONFIG, ""),
        "run": labels.get(RUN, ""),
        "slot": FAILED if _is_failed(container, labels) else labels.get(SLOT, ""),
        # One that an earlier version of us has made was asked in nothing else.
        "protocol": labels.get(PROTOCOL, HTTP1),
        "proxy": labels.get(PROXY, ""),
        "restart_policy": ((container.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name", ""),
        "status": state["Status"],
        "running": bool(state["Running"]) and not state.get("Paused"),
        "exit_code": state["ExitCode"],
        "oom_killed": bool(state.get("OOMKilled")),
        "started_at": state.get("StartedAt", ""),
        "ports": _addresses(published),
        "bindings": _addresses((container.get("HostConfig") or {}).get("PortBindings") or {}),
    }


def _addresses(published: dict[str, Any]) -> dict[str, str]:
    return {
        port: f"{bindings[0]['HostIp']}:{bindings[0]['HostPort']}" for port, bindings in published.items() if bindings
    }
