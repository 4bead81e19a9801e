"""The proxy of one environment on its target: its folder, its containers, and what it is told.

Below the directory of an environment::

    proxy/haproxy.cfg        what HAProxy reads at start and at a reload
    proxy/haproxy.cfg.new    what it shall read, until it has been checked
    proxy/bypass             the word that health checks bring to pass the maintenance page, mode 0600
    proxy/tls-<hash>.pem     certificate chain and key, mode 0600, where the public port speaks TLS
    proxy/run/<id>.sock      the admin socket of each proxy container
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping

from ansible_collections.slipway.core.plugins.module_utils import labels, ledger
from ansible_collections.slipway.core.plugins.module_utils.engine import Engine
from ansible_collections.slipway.core.plugins.module_utils.haproxy import FULL, Proxy, ProxyError, Routes, wait_until

BYPASS_BYTES = 16
START_SECONDS = 10.0
NOTHING: Mapping[str, str] = MappingProxyType({})
# Docker's word for a container that ends as soon as it is started, and the restart policies of proxies that finish and
# that serve.
RESTARTING, LEAVES, STAYS = "restarting", "no", "unless-stopped"
# In the configuration that the role proxy renders, the name of its settings.
_SETTINGS = re.compile(r"^\s+description (\S+)$", re.MULTILINE)
_CERTIFICATE = re.compile(r" crt /etc/slipway/(tls-\w+\.pem)")
# A server's line, up to its share of the traffic.
_PAGE = re.compile(r"^(\s+server switch \S+)( disabled)?$", re.MULTILINE)
_SHARE = re.compile(r"^(\s+server (\w+)(?:-(\w+))? \S+ weight )(\d+)((?: proto \w+)?)( disabled)?$", re.MULTILINE)


class Front:
    """The folder of an environment's proxy.

    :param home: the environment's folder.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "proxy"
        self.sockets = self.folder / "run"
        self.config_path = self.folder / "haproxy.cfg"
        self.staged_path = self.folder / "haproxy.cfg.new"
        self.bypass_path = self.folder / "bypass"

    def socket(self, identity: str) -> str:
        """The admin socket of the proxy container with this identity."""
        return str(self.sockets / f"{identity}.sock")

    def config(self) -> str:
        """What is written for HAProxy's next start; empty before the first one."""
        return _text(self.config_path)

    def settings(self) -> str:
        """Which settings are written, as HAProxy tells which it runs with; empty for none that are named."""
        named = _SETTINGS.search(self.config())
        return named[1] if named else ""

    def diff(self, after: str) -> dict[str, str]:
        """How HAProxy's configuration changes, for --diff."""
        path = str(self.config_path)
        return {"before": self.config(), "after": after, "before_header": path, "after_header": path}

    def next_slot(self) -> str | None:
        """The slot that gets the traffic when HAProxy starts again: empty for none, None without a configuration."""
        shares = list(_SHARE.finditer(self.config()))
        return next((line[2] for line in shares if int(line[4])), "") if shares else None

    def protocols(self) -> dict[str, str]:
        """By slot what HAProxy speaks with it when it starts again."""
        return {line[2]: line[3] or labels.HTTP1 for line in _SHARE.finditer(self.config()) if not line[6]}

    def with_slot(self, slot: str, protocols: Mapping[str, str] = NOTHING) -> str:
        """The configuration with which a slot gets the traffic when HAProxy starts again.

        :param protocols: by slot what its container speaks; a slot that is left out keeps its own.
        """

        return shared_with(self.config(), slot, protocols)

    def start_with(self, slot: str, protocols: Mapping[str, str] = NOTHING) -> bool:
        """Let a slot get the traffic when HAProxy starts again; returns whether that would have been otherwise."""
        return self.write_config(self.with_slot(slot, protocols))

    def with_page(self, shown: bool) -> str:
        """The configuration with which HAProxy starts with the maintenance page, or without it."""
        return paged(self.config(), shown)

    def ports(self) -> set[int]:
        """The ports that its configuration opens."""
        binds = [line.split() for line in self.config().splitlines() if line.strip().startswith("bind ")]
        return {int(words[1].rpartition(":")[2]) for words in binds}

    def bypass(self) -> str:
        """The word that passes the maintenance page; empty before the first start."""
        return _text(self.bypass_path).strip()

    def certificate(self) -> str:
        """The certificate with its key that the configuration names; empty for none."""
        named = _CERTIFICATE.findall(self.config())
        return _text(self.folder / named[0]) if named else ""

    def write_config(self, text: str) -> bool:
        """Let HAProxy's next start read this; returns whether it did not say so already."""
        if self.config() == text:
            return False
        ledger.write_durably(str(self.config_path), text.encode("utf-8"))
        return True

    def use_staged(self) -> bool:
        """Let HAProxy's next start read what was staged; returns whether anything was."""
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.staged_path, self.config_path)
            ledger.sync_directory(str(self.folder))
            return True
        return False

    def stage(self, text: str) -> None:
        """Put a configuration beside the one in use; an empty one takes away what was put there."""
        if text:
            ledger.write_durably(str(self.staged_path), text.encode("utf-8"))
        else:
            self.staged_path.unlink(missing_ok=True)

    def forget_certificates(self) -> None:
        """Remove certificates, with their keys, that HAProxy's next start does not need."""
        for path in self.folder.glob("tls*"):
            if path.name not in _CERTIFICATE.findall(self.config()):
                path.unlink()

    def prepare(self, certificate: str, config: str) -> None:
        """Make the folder, the word, and the certificate under the name by which a configuration asks for it.

        The name is the certificate's hash, so that another certificate is another configuration, and until that is in
        use HAProxy starts with the one before.
        """
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.bypass():
            ledger.write_durably(str(self.bypass_path), secrets.token_hex(BYPASS_BYTES).encode("ascii") + b"\n")
        for path in map(self.folder.joinpath, _CERTIFICATE.findall(config)):
            if certificate != _text(path):
                ledger.write_durably(str(path), certificate.encode("utf-8"))


def shared_with(config: str, slot: str, protocols: Mapping[str, str] = NOTHING) -> str:
    """A configuration with which a slot gets the traffic, or with an empty name none.

    :param protocols: by slot what its container speaks; a slot that is left out keeps its own. A front of an earlier
        version of us, which knows of one protocol, gets what it lacks.
    """

    def share(line: re.Match[str]) -> str:
        spoken, weight = protocols.get(line[2]), f"{FULL if line[2] == slot else 0}"
        if spoken is None:
            return f"{line[1]}{weight}{line[5]}{line[6] or ''}"
        written = f"{line[1]}{weight}{line[5]}{'' if spoken == (line[3] or labels.HTTP1) else ' disabled'}"
        if spoken == labels.H2 and f"server {line[2]}-h2 " not in config:
            return f"{written}\n{line[1].replace(f' {line[2]} ', f' {line[2]}-h2 ')}{weight} proto h2"
        return written

    return _SHARE.sub(share, config)


def paged(config: str, shown: bool) -> str:
    """A configuration with which HAProxy starts with the maintenance page, or without it."""
    return _PAGE.sub(rf"\1{'' if shown else ' disabled'}", config)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def containers(engine: Engine, app: str, environment: str) -> list[dict[str, Any]]:
    """The proxy's containers of one environment, described; more than one while an upgrade drains.

    Those that get new connections come first, and of these the newest.
    """
    found = engine.containers({labels.APP: app, labels.ENVIRONMENT: environment, labels.SLOT: labels.FRONT})
    newest_first = sorted(found, key=lambda container: str(container["Created"]), reverse=True)
    return sorted(map(_described, newest_first), key=lambda it: not accepts(it))


def _described(container: dict[str, Any]) -> dict[str, Any]:
    """One that Docker starts again and again, since HAProxy ends at once, does not run."""
    described = labels.describe(container)
    return {**described, "running": described["running"] and described["status"] != RESTARTING}


def answering(home: Path, fronts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same proxies, of which a newest that does not answer does not run while an earlier one serves.

    One that was to finish and answers still was not told so: whoever had begun to tell it has been killed.
    """
    sockets = Front(home)
    fronts = [
        {**it, "untold": True} if _leaves(it) and _answers(Proxy(sockets.socket(it["proxy"]))) else it for it in fronts
    ]
    if not fronts or not fronts[0]["running"] or not any(accepts(it) for it in fronts[1:]):
        return fronts
    newest = Proxy(sockets.socket(fronts[0]["proxy"]))
    return [{**fronts[0], "running": wait_until(lambda: _answers(newest), START_SECONDS)}, *fronts[1:]]


def accepts(container: dict[str, Any]) -> bool:
    """Whether a proxy that is described gets new connections: it runs, and was not told to finish."""
    return bool(container["running"] and (container.get("restart_policy") != LEAVES or container.get("untold")))


def _leaves(container: dict[str, Any]) -> bool:
    return bool(container["running"] and container["restart_policy"] == LEAVES)


def retire(engine: Engine, container: dict[str, Any]) -> str:
    """Let an earlier proxy finish what it has begun, or remove it when it has; returns what was done."""
    if not container["running"]:
        engine.remove(container["name"])
        return f"{container['name']} removed"
    if container["restart_policy"] != LEAVES:
        engine.update_restart_policy(container["name"], LEAVES)
    engine.signal(container["name"], "SIGUSR1")
    return f"{container['name']} finishes what it has begun"


def proxies(home: Path, fronts: list[dict[str, Any]]) -> list[Proxy]:
    """A client of each proxy that runs."""
    front = Front(home)
    return [Proxy(front.socket(container["proxy"])) for container in fronts if container["running"]]


def serving(home: Path, fronts: list[dict[str, Any]]) -> list[Proxy]:
    """A client of each proxy that gets new connections; one that was told to finish has closed its socket."""
    return proxies(home, list(filter(accepts, fronts)))


def routes(home: Path, fronts: list[dict[str, Any]]) -> Routes | None:
    """Where the newest proxy that gets new connections sends requests; None when there is none.

    :raises ProxyError: it does not answer, not even START_SECONDS later, for it may have been started just now.
    """
    running = serving(home, fronts)
    if not running:
        return None
    wait_until(lambda: _answers(running[0]), START_SECONDS)
    return running[0].routes()


def loaded(home: Path, fronts: list[dict[str, Any]]) -> bool:
    """Whether the newest proxy that gets new connections has loaded the settings that are written, if there is one.

    :raises ProxyError: it does not answer.
    """
    running = serving(home, fronts)
    return not running or running[0].settings() == Front(home).settings()


def _answers(proxy: Proxy) -> bool:
    try:
        return proxy.pid() > 0
    except ProxyError:
        return False


def route(home: Path, fronts: list[dict[str, Any]], wanted: Routes) -> None:
    """Let every proxy that runs send requests there; one that ends meanwhile has none to send.

    :raises ProxyError: the newest one that gets new connections cannot be told.
    """
    newest_first = sorted((it for it in fronts if it["running"]), key=accepts, reverse=True)
    for number, proxy in enumerate(proxies(home, newest_first)):
        with contextlib.suppress(ProxyError) if number else contextlib.nullcontext():
            proxy.route(wanted)


def start(engine: Engine, home: Path, container: dict[str, Any]) -> None:
    """Start a proxy's container, and wait until it can be told something.

    :raises ProxyError: it does not answer within START_SECONDS; the message has its last words.
    """
    name = container["name"]
    if container["restart_policy"] != STAYS:
        engine.update_restart_policy(name, STAYS)
    if container["status"] == RESTARTING:
        # Docker would let it wait for its turn, up to a minute.
        engine.stop(name, 0)
    engine.start(name)
    proxy = Proxy(Front(home).socket(container["proxy"]))
    if not wait_until(lambda: _answers(proxy), START_SECONDS):
        words = " / ".join(line.strip() for line in engine.logs(name, 3))
        raise ProxyError(f"{name} does not answer {START_SECONDS:.0f} s after its start: {words}")
