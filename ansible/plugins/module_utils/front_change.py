"""Makes the front what a snapshot says: its configuration, its certificate, the container of its image.

Whoever is killed at any instant here has changed nothing that :func:`bring` does not put right when it is called again,
for the same front or for the one before.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.slipway.core.plugins.module_utils import (
    container,
    front,
    front_snapshot,
    labels,
    way_back,
)
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Proxy, ProxyError, wait_until

IMAGE = "proxy_image"
IDENTITY = "identity"
"""Of a front that was found with a release of an earlier version: that of its container."""
RELOAD_SECONDS = 15.0
_DESCRIPTION = re.compile(r"^(\s+description)\b.*$", re.MULTILINE)
_CRT = " crt /etc/slipway/"
_CRT_FILE = re.compile(rf"{_CRT}\S+")
_SERVER = re.compile(r"^(\s+server (\w+)(?:-h2)? 127\.0\.0\.1):\d+( .*)$", re.MULTILINE)
_OF_H2 = re.compile(r"^\s+server \w+-h2 .*\n", re.MULTILINE)
_HTTP1 = dict.fromkeys(labels.BEHIND_PROXY, labels.HTTP1)


@dataclass(frozen=True)
class Place:
    """Whose front it is, and what moves with the traffic and not with the front.

    :param slot: the slot that gets the traffic when HAProxy starts, empty for none.
    :param page: whether everybody gets the maintenance page.
    :param ports: the loopback port of each slot that has a container; the others get that of the configuration.
    :param protocols: what each slot that has a container speaks; the others keep what is written.
    :param patience: seconds that an earlier container of the same image may take to finish.
    """

    home: Path
    app: str
    environment: str
    slot: str = ""
    page: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    patience: int = 30


def identity(wanted: Front, home: Path) -> str:
    """What names the container of a proxy: another image, or another limit, makes another container."""
    if IDENTITY in wanted.settings:
        return str(wanted.settings[IDENTITY])
    named, allowed = wanted.settings, files(wanted)
    made_of = [named[IMAGE], f"{home}/proxy", named["proxy_memory"], named["proxy_pids_limit"]]
    made_of += [f"nofile:{allowed}:{allowed}", "core:0:0"]
    return hashlib.sha256(" ".join(map(str, made_of)).encode()).hexdigest()[:8]


def name(wanted: Front, home: Path) -> str:
    """The name of that container."""
    return f"{home.name}-{labels.FRONT}-{identity(wanted, home)}"


def files(wanted: Front) -> int:
    """The open files that the container is allowed: two for each connection, and some for itself."""
    return int(wanted.settings["proxy_maxconn"]) * 2 + 1000


def serves(proxy: Mapping[str, Any], wanted: Front, home: Path) -> bool:
    """Whether a proxy, described, is of the image and the limits of a front."""
    return bool(proxy["proxy"] == identity(wanted, home) and proxy["image"] == wanted.settings[IMAGE])


def config(wanted: Front, place: Place) -> str:
    """What HAProxy reads for a front."""

    def port(line: re.Match[str]) -> str:
        return f"{line[1]}:{place.ports[line[2]]}{line[3]}" if line[2] in place.ports else line[0]

    text = _DESCRIPTION.sub(rf"\1 {wanted.name}", wanted.config)
    text = text.replace(_CRT + front_snapshot.TLS_FILE, f"{_CRT}tls-{wanted.shown}.pem")
    spoken = {**front.Front(place.home).protocols(), **place.protocols}
    return front.paged(front.shared_with(_SERVER.sub(port, text), place.slot, spoken), place.page)


def is_written(wanted: Front, home: Path) -> bool:
    """Whether HAProxy reads this front at its next start, whatever moves with the traffic."""
    written = front.Front(home)
    there = Place(home, "", "")
    same = _anywhere(written.config()) == _anywhere(config(wanted, there))
    return same and written.certificate() == wanted.certificate


def _anywhere(text: str) -> str:
    settled = _OF_H2.sub("", front.shared_with(text, "", _HTTP1))
    return _SERVER.sub(r"\1\3", front.paged(settled, False))


def body(wanted: Front, place: Place, previous: str) -> dict[str, Any]:
    """The body with which the proxy's container is created; it takes the sockets over from ``previous``."""
    own, folder, allowed = identity(wanted, place.home), f"{place.home}/proxy", files(wanted)
    return {
        "Image": wanted.settings[IMAGE],
        "User": "0:0",
        "Cmd": ["haproxy", "-W", "-db", "-x", f"/run/slipway/{previous}.sock", "-f", "/etc/slipway/haproxy.cfg"],
        "Env": [f"SLIPWAY_SOCKET=/run/slipway/{own}.sock"],
        "Labels": {
            labels.APP: place.app,
            labels.ENVIRONMENT: place.environment,
            labels.SLOT: labels.FRONT,
            labels.PROXY: own,
        },
        "HostConfig": {
            "Binds": [f"{folder}:/etc/slipway:ro", f"{folder}/run:/run/slipway"],
            "NetworkMode": "host",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": ["NET_BIND_SERVICE", "SETUID", "SETGID", "KILL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": container.memory_bytes(wanted.settings["proxy_memory"]),
            "PidsLimit": int(wanted.settings["proxy_pids_limit"]),
            # No core, since memory holds keys.
            "Ulimits": [
                {"Name": "nofile", "Soft": allowed, "Hard": allowed},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
            "RestartPolicy": {"Name": front.STAYS},
        },
    }


def as_found(home: Path, proxy: Mapping[str, Any], details: Mapping[str, Any]) -> Front:
    """The front that is written and serves, where none that is kept tells of it.

    :param proxy: the proxy that serves, described.
    :param details: the same as the Engine inspects it.
    """
    written, limits = front.Front(home), details["HostConfig"]
    text = written.config()
    public = re.search(r"^\s+bind (\S+):(\d+)( ssl)?", text, re.MULTILINE)
    most = re.search(r"^\s+maxconn (\d+)$", text, re.MULTILINE)
    settings = {
        IMAGE: proxy["image"],
        IDENTITY: proxy["proxy"],
        "proxy_memory": str(limits.get("Memory") or 0),
        "proxy_pids_limit": int(limits.get("PidsLimit") or 0),
        "proxy_maxconn": int(most[1]) if most else 0,
        "deploy_bind": public[1].strip("[]") if public else "",
        "deploy_port": int(public[2]) if public else 0,
        front_snapshot.CERTIFICATE: "given" if public and public[3] else "",
    }
    settled = _CRT_FILE.sub(_CRT + front_snapshot.TLS_FILE, _DESCRIPTION.sub(r"\1", text))
    return Front(settings, front.paged(front.shared_with(settled, "", _HTTP1), False), written.certificate())


def reload_config(engine: Engine, called: str, proxy: Proxy) -> None:
    """Let HAProxy start a new worker with the configuration that is written, and wait until it is the one that answers.

    :raises ProxyError: the configuration was not taken.
    """
    before = proxy.pid()
    engine.signal(called, "SIGUSR2")

    def another_worker() -> bool:
        with contextlib.suppress(ProxyError):
            return proxy.pid() != before
        return False

    if not wait_until(another_worker, RELOAD_SECONDS, 0.05):
        words = " / ".join(line.strip() for line in engine.logs(called, 3))
        raise ProxyError(f"{called} did not take its new configuration: {words}")


def leave(engine: Engine, proxy: Mapping[str, Any], seconds: int) -> None:
    """Remove a proxy when it has finished what it had begun, at the latest after ``seconds``."""
    if proxy["running"]:
        front.retire(engine, dict(proxy))
        wait_until(lambda: bool(engine.ended(str(proxy["name"]))), seconds)
    engine.remove(str(proxy["name"]))


def bring(engine: Engine, wanted: Front, place: Place, start: bool = True) -> list[str]:
    """Let this front serve; returns what was done, one phrase each. What fails leaves what was written before.

    :param start: without it, another container holds the port still: the proxy is made, and serves once it is started.
    :raises EngineError, ProxyError, NotBack: it does not come up.
    """
    folder, text, done = front.Front(place.home), config(wanted, place), []
    folder.prepare(wanted.certificate, text)
    fronts = front.containers(engine, place.app, place.environment)
    own = identity(wanted, place.home)
    for it in fronts:
        # One that is finishing accepts nothing any more, and one of another image only has the label.
        taken = it["running"] and not front.accepts(it)
        if it["proxy"] == own and (taken or not serves(it, wanted, place.home)):
            leave(engine, it, place.patience)
            done.append(f"{it['name']} removed")
    fronts = front.containers(engine, place.app, place.environment)
    mine = next((it for it in fronts if it["proxy"] == own), None)
    accepting = next((it for it in fronts if front.accepts(it)), None)
    previous, ran = folder.config(), bool(mine and mine["running"])
    # What moves with the traffic takes no reload, after which earlier connections are still served as before it.
    written = is_written(wanted, place.home)

    def back() -> None:
        """One that does not come up would be taken for the newest from now on, while the one before it serves."""
        try:
            folder.write_config(previous)
        finally:
            if not ran:
                engine.remove(name(wanted, place.home))

    with way_back.unless_it_stays(back, "the front before it") as move:
        folder.write_config(text)
        if mine is None:
            engine.create(name(wanted, place.home), body(wanted, place, accepting["proxy"] if accepting else "none"))
            mine = next(it for it in front.containers(engine, place.app, place.environment) if it["proxy"] == own)
            done.append(f"{mine['name']} made")
        if ran:
            proxy = Proxy(folder.socket(own))
            if not written or proxy.settings() != wanted.name:
                reload_config(engine, mine["name"], proxy)
                done.append("HAProxy reloaded")
        elif start:
            front.start(engine, place.home, mine)
            done.append(f"{mine['name']} started")
        move.stays = True
    folder.stage("")
    folder.forget_certificates()
    others = [it for it in fronts if it["proxy"] != own and (start or not it["running"])]
    return done + [front.retire(engine, it) for it in others]
