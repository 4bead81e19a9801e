"""What Docker Engine is told to make of a release: its configuration as the body of a container's creation.

Fields: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping

UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
NOTHING: dict[str, Any] = {
    "env": {},
    "secrets_path": "",
    "command": [],
    "entrypoint": [],
    "container_port": 0,
    "volumes": [],
    "networks": [],
    "user": "",
    "memory": "0",
    "cpus": 0,
    "pids_limit": 0,
    "ulimits": {},
    "read_only": False,
    "tmpfs": [],
    "init": False,
    "capabilities": [],
    "labels": {},
    "stop_timeout": 0,
}
"""Every setting that a body is made from, with the value that asks for nothing."""
_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([bkmgt]?)b?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """One container of a release.

    :param image: repository and digest.
    :param spec: the release's public configuration.
    :param secret_env: environment variables that nobody else may see.
    :param secret_files: folder of the secret files on the target, empty for none.
    :param labels: our own; those of the user come before them where the container is for others to find.
    :param published: address and port that its port is published on; port 0 for any.
    :param restart_policy: what Docker does when it stops.
    :param discoverable: whether it gets the labels and aliases by which others find it.
    """

    image: str
    spec: Mapping[str, Any]
    secret_env: Mapping[str, str]
    secret_files: str
    labels: Mapping[str, str]
    published: tuple[str, int]
    restart_policy: str
    discoverable: bool


def memory_bytes(text: str) -> int:
    """A size such as ``512m`` in bytes; 0 for none.

    :raises ValueError: it is no size.
    """
    found = _MEMORY.match(str(text))
    if not found:
        raise ValueError(f"deploy_memory is {text!r}: give a number and a unit, such as 512m, or 0")
    return int(float(found[1]) * UNITS[found[2].lower() or "b"])


def endpoint(network: Mapping[str, Any], discoverable: bool) -> dict[str, Any]:
    """How a container is connected to a network."""
    return {"Aliases": list(network.get("aliases") or [])} if discoverable else {}


def body(wanted: Wanted) -> dict[str, Any]:
    """The body of ``POST /containers/create``. Networks after the first are connected later, as old Engines need."""
    spec = wanted.spec
    port = f"{spec['container_port']}/tcp"
    address, number = wanted.published
    binds = list(spec["volumes"])
    if wanted.secret_files:
        binds.append(f"{wanted.secret_files}:{spec['secrets_path']}:ro")
    labels = {str(name): str(value) for name, value in spec["labels"].items()} if wanted.discoverable else {}
    made: dict[str, Any] = {
        "Image": wanted.image,
        "Env": [f"{name}={value}" for name, value in {**spec["env"], **wanted.secret_env}.items()],
        "Labels": {**labels, **wanted.labels},
        "ExposedPorts": {port: {}},
        "StopTimeout": spec["stop_timeout"],
        "HostConfig": {
            "Binds": binds,
            "PortBindings": {port: [{"HostIp": address, "HostPort": str(number or "")}]},
            "Memory": memory_bytes(spec["memory"]),
            "NanoCpus": int(float(spec["cpus"]) * 1_000_000_000),
            "PidsLimit": spec["pids_limit"],
            "Ulimits": [_ulimit(name, limit) for name, limit in sorted(spec["ulimits"].items())],
            "ReadonlyRootfs": spec["read_only"],
            "Tmpfs": dict(_tmpfs(entry) for entry in spec["tmpfs"]),
            "Init": spec["init"],
            "CapDrop": ["ALL"],
            "CapAdd": list(spec["capabilities"]),
            "SecurityOpt": ["no-new-privileges"],
            "RestartPolicy": {"Name": wanted.restart_policy},
        },
    }
    for key, value in (("Cmd", spec["command"]), ("Entrypoint", spec["entrypoint"]), ("User", spec["user"])):
        if value:
            made[key] = value
    if spec["networks"]:
        first = spec["networks"][0]
        made["HostConfig"]["NetworkMode"] = first["name"]
        made["NetworkingConfig"] = {"EndpointsConfig": {first["name"]: endpoint(first, wanted.discoverable)}}
    return made


def _ulimit(name: str, limit: Any) -> dict[str, Any]:
    return {"Name": name, "Soft": int(limit), "Hard": int(limit)}


def _tmpfs(entry: str) -> tuple[str, str]:
    path, _, options = entry.partition(":")
    return path, options
