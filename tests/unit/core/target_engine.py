"""Docker, HAProxy and a registry in memory, as the modules call them, over one :class:`target_model.Target`."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.slipway.core.plugins.module_utils import crowd, haproxy_stats, labels
from ansible_collections.slipway.core.plugins.module_utils.engine import EngineError
from ansible_collections.slipway.core.plugins.module_utils.haproxy import ProxyError, Routes
from ansible_collections.slipway.core.plugins.module_utils.registry import Image, NotFound

if TYPE_CHECKING:
    from target_model import Target

IMAGE = "registry.example/team/myapp"
CONFIG = ("Image", "Env", "Cmd", "Entrypoint", "User", "Labels", "StopTimeout")


class Registry:
    """Digests with the version in their label, and tags that may move.

    What is here is what :func:`release.resolve` asks of a registry.
    """

    image = IMAGE

    def __init__(self) -> None:
        self.labelled: dict[str, str] = {}
        self.pointing: dict[str, str] = {}

    def push(self, version: str) -> str:
        """One more image with this version in its label, and its tag moved to it; returns the digest."""
        digest = f"sha256:{len(self.labelled) + 1:064x}"
        self.labelled[digest] = version
        self.pointing[version] = digest
        return digest

    def tags(self) -> list[str]:
        return list(self.pointing)

    def describe(self, reference: str) -> Image:
        digest = self.pointing.get(reference, reference)
        if digest not in self.labelled:
            raise NotFound(f"{IMAGE} has no {reference}")
        return Image.labelled(digest, version=self.labelled[digest], revision="c0ffee")


class Engine:
    """Docker as the modules call it."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def _find(self, name: str) -> dict[str, Any]:
        found = self.container(name)
        if found is None:
            raise EngineError(f"no container {name}", 404)
        return found

    def container(self, name: str) -> dict[str, Any] | None:
        name = name.lstrip("/")
        return next((it for it in self._target.containers if name in (it["Name"].lstrip("/"), it["Id"])), None)

    def containers(self, wanted: dict[str, str] | None = None) -> list[dict[str, Any]]:
        pairs = (wanted or {}).items()
        return [it for it in self._target.containers if pairs <= it["Config"]["Labels"].items()]

    def summaries(self) -> list[dict[str, Any]]:
        return [
            {"Names": [it["Name"]], "Image": it["Image"], "Labels": it["Config"]["Labels"]}
            for it in self._target.containers
        ]

    def image(self, reference: str) -> dict[str, Any]:
        tags = [name for name, tagged in self._target.tags.items() if tagged == reference]
        return {"Config": {"Env": []}, "RepoDigests": [reference], "RepoTags": tags}

    def ended(self, name: str) -> str:
        container = self.container(name)
        return "" if container and container["State"]["Running"] else f"{name} does not run"

    def published(self, name: str) -> str:
        ((first, *_), *_) = self._find(name)["NetworkSettings"]["Ports"].values()
        return f"{first['HostIp']}:{first['HostPort']}"

    def create(self, name: str, body: dict[str, Any]) -> None:
        target = self._target
        with target.step(f"create {name}"):
            if self.container(name):
                raise EngineError(f"the name {name} is in use", 409)
            if body["Image"].startswith(IMAGE) and body["Image"] not in target.images:
                raise EngineError(f"no image {body['Image']}", 404)
            mode = body["HostConfig"].get("NetworkMode")
            if mode and mode not in ("host", *target.networks):
                raise EngineError(f"network {mode} not found", 404)
            target.made += 1
            target.containers.append(
                {
                    "Id": f"id-{target.made}",
                    "Name": f"/{name}",
                    "Created": f"{target.made:09d}",
                    "Image": body["Image"],
                    "Config": {"StopTimeout": 1, **{key: body[key] for key in body if key in CONFIG}},
                    "State": {"Status": "created", "Running": False, "ExitCode": 0},
                    "NetworkSettings": {"Ports": {}, "Networks": {mode or "bridge": {}}},
                    "HostConfig": copy.deepcopy(body["HostConfig"]),
                    "comes_back": False,
                    "accepts": True,
                }
            )

    def start(self, name: str) -> None:
        container = self._find(name)
        if container["State"]["Running"]:
            return
        with self._target.step(f"start {name}"):
            self._target.run(container)

    def stop(self, name: str, grace: int) -> None:
        self._target.live_stays(self._find(name))
        with self._target.step(f"stop {name}"):
            self._target.end(self._find(name))
            self._find(name)["comes_back"] = False

    def remove(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        self._target.live_stays(container)
        with self._target.step(f"remove {name}"):
            self._target.containers.remove(container)

    def rename(self, name: str, to: str) -> None:
        with self._target.step(f"rename {name}"):
            if self.container(to):
                raise EngineError(f"the name {to} is in use", 409)
            self._find(name)["Name"] = f"/{to}"

    def update_restart_policy(self, name: str, policy: str) -> None:
        with self._target.step(f"restart policy of {name}"):
            self._find(name)["HostConfig"]["RestartPolicy"] = {"Name": policy}

    def signal(self, name: str, signal: str) -> None:
        with self._target.step(f"{signal} to {name}"):
            if signal == "SIGUSR2":
                self._target.begin(self._find(name))
            else:
                self._find(name)["accepts"] = False

    def images(self, repository: str) -> list[dict[str, Any]]:
        return [self.image(reference) for reference in sorted(self._target.images)]

    def tag(self, reference: str, repository: str, tag: str) -> bool:
        if reference not in self._target.images:
            return False
        with self._target.step(f"tag {reference[-3:]}"):
            self._target.tags[f"{repository}:{tag}"] = reference
        return True

    def has_image(self, reference: str) -> bool:
        return reference in self._target.images

    def pull(self, image: str, login: dict[str, str], deadline: float) -> None:
        with self._target.step(f"pull {image[-3:]}"):
            assert not self._target.stopped, "something was stopped before the pull"
            if self._target.trouble == "pull":
                raise EngineError("the registry does not answer")
            self._target.images.add(image)

    def remove_image(self, reference: str) -> bool:
        tags = self._target.tags
        image = tags.get(reference, reference)
        further = [name for name, tagged in tags.items() if tagged == image and name != reference]
        assert reference in tags or not further, "Docker takes only its digest from an image that has a tag"
        if image not in self._target.images or (not further and self._target.uses(image)):
            return False
        with self._target.step(f"remove image {reference[-3:]}"):
            tags.pop(reference, None)
            # With the last tag goes the digest.
            if not further:
                self._target.images.discard(image)
        return True

    def create_network(self, name: str, labels: dict[str, str], options: dict[str, str]) -> None:
        self._target.networks[name] = {"Labels": labels, "Options": options}

    def network(self, name: str) -> dict[str, Any] | None:
        return self._target.networks.get(name)

    def info(self) -> dict[str, Any]:
        return {"DockerRootDir": "/"}

    def version(self) -> dict[str, Any]:
        return {"Version": "27.0"}

    def logs(self, name: str, lines: int) -> list[str]:
        return []


class Proxy:
    """HAProxy's runtime API as the modules call it."""

    def __init__(self, target: Target, path: str) -> None:
        self._target = target
        self._key = Path(path).parents[2].name, Path(path).stem

    def _state(self) -> dict[str, Any]:
        if self._key not in self._target.proxies or self._key in self._target.finishing():
            raise ProxyError("HAProxy does not answer")
        return self._target.proxies[self._key]

    def pid(self) -> int:
        return int(self._state()["pid"])

    def settings(self) -> str:
        return str(self._state()["settings"])

    def routes(self) -> Routes:
        return self._state()["routes"]

    def route(self, routes: Routes) -> None:
        self._state()
        with self._target.step(f"traffic to {routes.described}"):
            kept = self._state()["routes"].protocols
            self._state()["routes"] = replace(routes, protocols={**kept, **routes.protocols})

    def uptime(self) -> int:
        """It has been loaded long ago."""
        return 10**6

    def sessions(self, slot: str) -> int:
        return self._target.sessions

    def counters(self) -> dict[str, haproxy_stats.Counters]:
        return {slot: haproxy_stats.Counters(0, 0, 0, 0, 0.0, 0, 0) for slot in labels.BEHIND_PROXY}

    def clients(self) -> dict[str, dict[str, crowd.Tally]]:
        return {slot: {} for slot in labels.BEHIND_PROXY}
