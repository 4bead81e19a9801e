"""Drift: where the ledger, the containers and the proxy of one environment disagree.

Everything here is a pure function of what was found. What a container should be is the body with which it would be made
now from the configuration that is kept for it, so that there is one source for both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible_collections.slipway.core.plugins.module_utils import container, labels, reconcile, redact
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration

RECONCILE, LOAD, REPLACE, RESTORE = "reconcile", "load", "replace", "restore"
SECRET, OTHER, UNSET, SET = "(secret)", "(another value)", "(not set)", "(set)"


@dataclass(frozen=True)
class Drift:
    """One disagreement.

    :param what: what it is about, such as ``memory limit``.
    :param current: how it is, for people.
    :param desired: how it should be, for people.
    :param told: the same as a clause, without a full stop.
    :param repair: ``reconcile`` when the start of every run repairs it, ``load`` when a deployment does without a new
        container, ``replace`` when it takes one, ``restore`` when it takes a person.
    """

    what: str
    current: str
    desired: str
    told: str
    repair: str

    def data(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


def diff(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Drift, as JSON, for --diff: what is before, and what should be after; empty when there is none."""
    if not found:
        return {}
    sides = {"before": "current", "after": "desired"}
    return {side: {str(item["what"]): str(item[name]) for item in found} for side, name in sides.items()}


@dataclass(frozen=True)
class Seen:
    """A container of a release, and what it should be.

    :param details: the container as the Engine inspects it.
    :param image: the image that it runs as the Engine inspects it, None when that is not known.
    :param machine: what the Engine tells of its machine: where the kernel has no such limit, Docker drops it.
    :param kept: the configuration that it was made from.
    :param digest: of the release.
    :param secret_files: folder of the secret files on the target.
    :param live: whether it is live; the restart policy of a standby is another one.
    """

    details: Mapping[str, Any]
    image: Mapping[str, Any] | None
    machine: Mapping[str, Any]
    kept: Configuration
    digest: str
    secret_files: str
    live: bool = True


def of_environment(found: reconcile.Found, home: str) -> list[Drift]:
    """Disagreements on which container is live, whether it runs, and where the proxy sends requests.

    :param home: ``<app>-<environment>``, with which the names of its containers begin.
    """
    live = found.live
    if live is None:
        return []
    serving = reconcile.live_container(found.ours, live)
    says = f"the ledger says {live['version']} is live"
    if serving is None:
        return [_gone(found, says, str(live.get("container") or labels.slot_name(home, str(live.get("slot")))))]
    stopped = f"{says}, and its container is {serving['status']}" if not serving["running"] else ""
    state = [Drift("container", str(serving["status"]), "running", stopped, RECONCILE)] if stopped else []
    return [*state, *(_of_proxy(found, says) if serving["slot"] in labels.BEHIND_PROXY else [])]


def _gone(found: reconcile.Found, says: str, name: str) -> Drift:
    image = found.foreign.get(name)
    desired = f"the container of {(found.live or {})['version']}"
    if image is None:
        return Drift("container", "gone", desired, f"{says}, and its container is gone", REPLACE)
    told = f"{says}, its container is gone, and {name} is none of ours: it runs {image}"
    return Drift("container", f"{name}, which is none of ours and runs {image}", desired, told, REPLACE)


def _of_proxy(found: reconcile.Found, says: str) -> Iterator[Drift]:
    routes, wanted = found.routes, reconcile.wanted_routes(found)
    if routes is None:
        yield Drift("proxy", "not running", "running", f"{says}, and its proxy does not run", RECONCILE)
        return
    current, desired = routes.described, wanted.described
    if routes.weights != wanted.weights:
        told = f"traffic goes to {current}, and the ledger says {desired}"
        yield Drift("traffic", current, desired, told, RECONCILE)
    elif routes.asked != wanted.asked:
        current, desired = routes.asked or "no slot", wanted.asked or "no slot"
        told = f"those who ask for the candidate reach {current}, and the ledger says {desired}"
        yield Drift("traffic of the candidate", current, desired, told, RECONCILE)
    elif found.next_slot not in (reconcile.live_slot(found), None):
        current = found.next_slot or "no slot"
        told = f"after a restart the proxy would send traffic to {current}, and the ledger says {desired}"
        yield Drift("traffic after a restart", current, desired, told, RECONCILE)
    for slot in routes.misses(wanted):
        current, desired = routes.addresses[slot], wanted.addresses[slot]
        told = f"the proxy sends requests for {slot} to {current}, and its container listens on {desired}"
        yield Drift(f"address of {slot}", current, desired, told, RECONCILE)
    for slot in routes.misunderstood(wanted):
        current, desired = routes.protocols[slot], wanted.protocols[slot]
        told = f"the proxy speaks {current} with {slot}, and its container was deployed for {desired}"
        yield Drift(f"protocol of {slot}", current, desired, told, RECONCILE)
    if found.front_damage:
        yield Drift("kept front", "damaged", "as it was written", found.front_damage, LOAD)
    if found.front and reconcile.front_differs(found):
        yield _of_front(found, found.front)
    elif not found.loaded:
        told = "HAProxy has not loaded the configuration that is written for it"
        yield Drift("configuration of the proxy", "not loaded", "loaded", told, LOAD)


def _of_front(found: reconcile.Found, state: reconcile.FrontState) -> Drift:
    version, desired = (found.live or {}).get("version"), str(state.wanted.settings["proxy_image"])
    images = [str(it["image"]) for it in found.fronts if it["running"]][:1]
    if images and images[0] != desired:
        told = f"the proxy runs the image {images[0]}, and {version} was deployed with {desired}"
        return Drift("image of the proxy", images[0], desired, told, RECONCILE)
    current = _other_front(state)
    told = f"the front is not what {version} was deployed with: {current}"
    return Drift("front", current, f"that of {version}", told, RECONCILE)


def _other_front(state: reconcile.FrontState) -> str:
    if state.running is not None and state.running != state.wanted.name:
        return state.differs or "another one"
    return "a container with other limits" if state.written else "written otherwise for its next start"


def of_container(seen: Seen) -> list[Drift]:
    """Where a container is not what its configuration makes of it; never with the value of a secret."""
    name = str(seen.details["Name"]).lstrip("/")
    found = [*_image(seen), *_environment(seen), *_settings(seen), *_networks(seen), *_labels(seen)]
    hidden = seen.kept.secrets.values()
    shown = [(what, redact.hide(current, hidden), desired) for what, current, desired in found]
    return [
        Drift(what, current, desired, f"{what} of {name} is {current}, and the ledger says {desired}", REPLACE)
        for what, current, desired in shown
    ]


Difference = tuple[str, str, str]


def _image(seen: Seen) -> Iterator[Difference]:
    named = str(seen.details["Config"].get("Image") or "")
    pulled = list((seen.image or {}).get("RepoDigests") or [])
    if not any(reference.endswith("@" + seen.digest) for reference in (named, *pulled)):
        yield "image", named or str(seen.details.get("Image")), seen.digest


def _environment(seen: Seen) -> Iterator[Difference]:
    if "env" not in seen.kept.public:
        return
    current = _variables(seen.details["Config"])
    secret = seen.kept.secrets_env
    desired = {**seen.kept.public["env"], **secret}
    for name in sorted(desired):
        value = current.get(name)
        if value == desired[name]:
            continue
        if name in secret:
            yield f"environment variable {name}", UNSET if value is None else OTHER, SECRET
        else:
            yield f"environment variable {name}", UNSET if value is None else repr(value), repr(desired[name])
    if seen.image is None:
        return
    # What nobody has asked for may be a secret, so that its value is not shown either.
    own = _variables(seen.image.get("Config") or {})
    for name in sorted(set(current) - set(desired)):
        if current[name] != own.get(name):
            yield f"environment variable {name}", SET, "(as in the image)" if name in own else UNSET


def _variables(config: Mapping[str, Any]) -> dict[str, str]:
    pairs = (str(entry).partition("=") for entry in config.get("Env") or [])
    return {name: value for name, _, value in pairs}


def _size(value: Any) -> str:
    return next((f"{int(value) // size}{unit}" for unit, size in _UNITS if value and not int(value) % size), "none")


_UNITS = [(unit, size) for unit, size in sorted(container.UNITS.items(), key=lambda it: -it[1]) if unit != "t"]


def _processors(value: Any) -> str:
    return f"{int(value) / 1_000_000_000:g}" if value else "none"


def _number(value: Any) -> str:
    return str(value) if value and int(value) > 0 else "none"


def _switch(value: Any) -> str:
    return "on" if value else "off"


def _text(value: Any) -> str:
    return str(value) if value else "none"


def _words(value: Any) -> str:
    return repr([value] if isinstance(value, str) else list(value or []))


def _set(value: Any) -> str:
    return ", ".join(sorted(map(str, value or []))) or "none"


def _capabilities(value: Any) -> str:
    return _set({str(name).upper().partition("CAP_")[2] or str(name).upper() for name in value or []})


def _security(value: Any) -> str:
    """Docker adds labels of SELinux by itself."""
    return _set({str(option) for option in value or [] if not str(option).startswith("label")})


def _folders(value: Any) -> str:
    return _set(f"{path}:{options}" if options else path for path, options in (value or {}).items())


def _ulimits(value: Any) -> str:
    return _set(f"{it['Name']}={it['Soft']}:{it['Hard']}" for it in value or [])


def _policy(value: Any) -> str:
    return str((value or {}).get("Name") or "no")


def _ports(value: Any) -> str:
    return _set(
        f"{binding.get('HostIp') or 'every address'}:{binding.get('HostPort')} to {port}"
        for port, bindings in (value or {}).items()
        for binding in bindings or []
    )


@dataclass(frozen=True)
class Setting:
    """One setting of a container: where inspection and body have it, and what it is made from.

    :param path: keys in the inspection; the body of a creation has those of ``Config`` at its top.
    :param shown: what of it counts, as text.
    :param made_from: settings of the configuration without which nothing can be said.
    :param if_asked: whether the image decides when the configuration does not.
    :param limit: what the machine has to support for it.
    """

    what: str
    path: tuple[str, str]
    shown: Callable[[Any], str]
    made_from: tuple[str, ...] = ()
    if_asked: bool = False
    limit: str = ""


HOST, CONFIG = "HostConfig", "Config"
SETTINGS = (
    Setting("memory limit", (HOST, "Memory"), _size, ("memory",), limit="MemoryLimit"),
    Setting("memory reservation", (HOST, "MemoryReservation"), _size),
    Setting("processor limit", (HOST, "NanoCpus"), _processors, ("cpus",)),
    Setting("processor quota", (HOST, "CpuQuota"), _number),
    Setting("processor shares", (HOST, "CpuShares"), _number),
    Setting("processors to run on", (HOST, "CpusetCpus"), _text),
    Setting("process limit", (HOST, "PidsLimit"), _number, ("pids_limit",), limit="PidsLimit"),
    Setting("limits", (HOST, "Ulimits"), _ulimits, ("ulimits",)),
    Setting("command", (CONFIG, "Cmd"), _words, ("command",), if_asked=True),
    Setting("entrypoint", (CONFIG, "Entrypoint"), _words, ("entrypoint",), if_asked=True),
    Setting("user", (CONFIG, "User"), _text, ("user",), if_asked=True),
    Setting("stop timeout", (CONFIG, "StopTimeout"), _number, ("stop_timeout",)),
    Setting("read-only root", (HOST, "ReadonlyRootfs"), _switch, ("read_only",)),
    Setting("privileged mode", (HOST, "Privileged"), _switch),
    Setting("init process", (HOST, "Init"), _switch, ("init",)),
    Setting("added capabilities", (HOST, "CapAdd"), _capabilities, ("capabilities",)),
    Setting("dropped capabilities", (HOST, "CapDrop"), _capabilities),
    Setting("security options", (HOST, "SecurityOpt"), _security),
    Setting("volumes", (HOST, "Binds"), _set, ("volumes", "secrets_path")),
    Setting("folders in memory", (HOST, "Tmpfs"), _folders, ("tmpfs",)),
    Setting("published port", (HOST, "PortBindings"), _ports, ("container_port",)),
    Setting("restart policy", (HOST, "RestartPolicy"), _policy, ("restart_policy",)),
)


def _settings(seen: Seen) -> Iterator[Difference]:
    public, body = seen.kept.public, _body(seen)
    made = {HOST: body[HOST], CONFIG: body}
    for setting in SETTINGS:
        part, key = setting.path
        skipped = (key == "RestartPolicy" and not seen.live) or (setting.if_asked and key not in made[part])
        if skipped or not set(setting.made_from) <= set(public) or not seen.machine.get(setting.limit, True):
            continue
        current = setting.shown((seen.details.get(part) or {}).get(key))
        desired = setting.shown(made[part].get(key))
        if current != desired:
            yield setting.what, current, desired


def _body(seen: Seen) -> dict[str, Any]:
    public = seen.kept.public
    return container.body(
        container.Wanted(
            image=seen.digest,
            spec={**container.NOTHING, **public},
            secret_env=seen.kept.secrets_env,
            secret_files=seen.secret_files if seen.kept.secret_files else "",
            labels={labels.DIGEST: seen.digest},
            published=_published(seen),
            restart_policy=public.get("restart_policy", ""),
            discoverable=True,
        )
    )


def _published(seen: Seen) -> tuple[str, int]:
    """Where its port should be published. A slot keeps the port that it has: the proxy is told where that is."""
    own = seen.details["Config"].get("Labels") or {}
    slot, public = own.get(labels.SLOT), seen.kept.public
    bindings = (seen.details["HostConfig"].get("PortBindings") or {}).values()
    binding: Mapping[str, str] = next((it[0] for it in bindings if it), {})
    port = int(binding.get("HostPort") or 0)
    if slot in labels.BEHIND_PROXY:
        return "127.0.0.1", port
    return str(public.get("bind", binding.get("HostIp"))), int(public.get("port", port))


def _networks(seen: Seen) -> Iterator[Difference]:
    if "networks" not in seen.kept.public:
        return
    attached = (seen.details.get("NetworkSettings") or {}).get("Networks") or {}
    wanted = {str(network["name"]): network.get("aliases") or [] for network in seen.kept.public["networks"]}
    # A network may be named by its id.
    names = {str((it or {}).get("NetworkID")): name for name, it in attached.items()}
    desired = {names.get(name, name): aliases for name, aliases in (wanted or {"bridge": []}).items()}
    if set(attached) != set(desired):
        yield "networks", _set(attached), _set(desired)
        return
    for name, aliases in desired.items():
        lost = sorted(set(aliases) - set((attached[name] or {}).get("Aliases") or []))
        if lost:
            yield f"aliases in the network {name}", f"without {', '.join(lost)}", _set(aliases)


def _labels(seen: Seen) -> Iterator[Difference]:
    current = seen.details["Config"].get("Labels") or {}
    for name, value in _body(seen)["Labels"].items():
        if current.get(name) != value:
            yield f"label {name}", repr(current[name]) if name in current else UNSET, repr(value)
