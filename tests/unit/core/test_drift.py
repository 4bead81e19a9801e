"""Where ledger, containers and proxy disagree, and that what was just made disagrees with nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import container, drift, environment, labels, reconcile
from ansible_collections.slipway.core.plugins.module_utils.haproxy import Routes, all_to
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration

DIGEST = "sha256:" + "a" * 64
IMAGE = f"r.example/team/app@{DIGEST}"
FILES = "/state/app-staging/configs/0123456789abcdef/files"
HIDDEN = "the-hidden-value"
PUBLIC: dict[str, Any] = {
    "env": {"A": "1", "B": "two=2"},
    "secrets_path": "/run/secrets",
    "command": ["serve", "--fast"],
    "entrypoint": [],
    "container_port": 8000,
    "volumes": ["data:/data:ro"],
    "networks": [{"name": "inner", "aliases": ["web"]}, {"name": "outer"}],
    "user": "10001:10001",
    "memory": "512m",
    "cpus": 1.5,
    "pids_limit": 512,
    "ulimits": {"core": 0},
    "read_only": True,
    "tmpfs": ["/tmp", "/run:uid=33"],
    "init": True,
    "capabilities": ["NET_BIND_SERVICE"],
    "labels": {"team": "web"},
    "restart_policy": "unless-stopped",
    "stop_timeout": 30,
}
KEPT = Configuration(PUBLIC, {"KEY": HIDDEN}, {"password": "also-hidden"})
OWN = {"Env": ["PATH=/bin", "A=0"], "Cmd": ["own"], "Labels": {"org": "us"}, "User": "0"}
LIVE = {"run": "run-1", "version": "1.0.1", "digest": DIGEST, "config": "0123456789abcdef", "slot": "blue"}


def inspected(kept: Configuration = KEPT, slot: str = "blue") -> dict[str, Any]:
    """What Docker tells of a container made from this configuration, in its spelling and with what the image adds."""
    public = {**container.NOTHING, "restart_policy": "unless-stopped", **kept.public}
    body = container.body(
        container.Wanted(
            image=IMAGE,
            spec=public,
            secret_env=kept.secrets_env,
            secret_files=FILES if kept.secret_files else "",
            labels={labels.DIGEST: DIGEST, labels.SLOT: slot},
            published=("127.0.0.1", 18081) if slot != "public" else (public["bind"], public["port"]),
            restart_policy=public["restart_policy"],
            discoverable=True,
        )
    )
    host = body["HostConfig"]
    host["CapAdd"] = [f"CAP_{name}" for name in host["CapAdd"]] or None
    networks = {it["name"]: {"Aliases": [*it.get("aliases", []), "0123456789ab"]} for it in public["networks"]}
    asked = {entry.partition("=")[0] for entry in body["Env"]}
    return {
        "Name": "/app-staging-blue",
        "Image": "sha256:" + "1" * 64,
        "Config": {
            "Image": IMAGE,
            "Env": [*body["Env"], *(it for it in OWN["Env"] if it.partition("=")[0] not in asked)],
            "Cmd": body.get("Cmd", OWN["Cmd"]),
            "Entrypoint": body.get("Entrypoint"),
            "User": body.get("User", OWN["User"]),
            "Labels": {**OWN["Labels"], **body["Labels"]},
            "StopTimeout": body["StopTimeout"],
        },
        "HostConfig": {**host, "Privileged": False, "CpuQuota": 0, "CpuShares": 0, "CpusetCpus": ""},
        "NetworkSettings": {"Networks": networks or {"bridge": {"Aliases": None}}},
    }


def seen(details: dict[str, Any], kept: Configuration = KEPT, **changes: Any) -> drift.Seen:
    values = {"image": {"Config": OWN, "RepoDigests": []}, "machine": {}, "digest": DIGEST, "secret_files": FILES}
    return drift.Seen(details=details, kept=kept, **{**values, **changes})


def found(details: dict[str, Any], kept: Configuration = KEPT, **changes: Any) -> list[tuple[str, str, str]]:
    return [(it.what, it.current, it.desired) for it in drift.of_container(seen(details, kept, **changes))]


PLAIN = {**PUBLIC, "command": [], "user": "", "memory": "0", "cpus": 0, "capabilities": [], "networks": [], "tmpfs": []}
ON_ITS_OWN = {**PUBLIC, "bind": "0.0.0.0", "port": 8081}  # noqa: S104


@pytest.mark.parametrize("public", [PUBLIC, PLAIN, {**PUBLIC, "entrypoint": ["/init"], "labels": {}, "volumes": []}])
def test_a_container_that_was_just_made_is_what_it_should_be(public: dict[str, Any]) -> None:
    kept = Configuration(public, {"KEY": HIDDEN}, {})
    assert found(inspected(kept), kept) == []
    assert found(inspected(kept), kept, image=None) == []


def test_a_container_on_the_public_port_is_what_it_should_be() -> None:
    kept = Configuration(ON_ITS_OWN, {}, {})
    assert found(inspected(kept, "public"), kept) == []


@pytest.mark.parametrize("name", PUBLIC)
def test_what_an_older_configuration_does_not_say_is_no_drift(name: str) -> None:
    """Such a container was made with the settings of the day, whatever they were."""
    older = Configuration({key: value for key, value in PUBLIC.items() if key != name}, {"KEY": HIDDEN}, {})
    with_it = Configuration(PUBLIC, {"KEY": HIDDEN}, {})
    assert found(inspected(with_it), older) == []


def test_every_setting_of_a_body_is_known() -> None:
    assert container.body(container.Wanted(IMAGE, container.NOTHING, {}, "", {}, ("127.0.0.1", 0), "no", True))
    assert set(PUBLIC) == {*container.NOTHING, "restart_policy"}
    everything = {**PUBLIC, "entrypoint": ["/init"]}
    body = container.body(container.Wanted(IMAGE, everything, {}, "", {}, ("127.0.0.1", 0), "no", True))
    compared = {setting.path for setting in drift.SETTINGS}
    otherwise = {"Image", "Env", "Labels", "ExposedPorts", "NetworkMode", "NetworkingConfig", "HostConfig"}
    made = {("Config", key) for key in body} | {("HostConfig", key) for key in body["HostConfig"]}
    assert {key for part, key in made - compared} == otherwise


def changed(part: str, key: str, value: Any) -> dict[str, Any]:
    details = copy.deepcopy(inspected())
    details[part][key] = value
    return details


@pytest.mark.parametrize(
    ("part", "key", "value", "expected"),
    [
        ("HostConfig", "Memory", 256 * 1024**2, ("memory limit", "256m", "512m")),
        ("HostConfig", "Memory", 0, ("memory limit", "none", "512m")),
        ("HostConfig", "NanoCpus", 500_000_000, ("processor limit", "0.5", "1.5")),
        ("HostConfig", "CpuQuota", 50_000, ("processor quota", "50000", "none")),
        ("HostConfig", "PidsLimit", None, ("process limit", "none", "512")),
        ("HostConfig", "ReadonlyRootfs", False, ("read-only root", "off", "on")),
        ("HostConfig", "Privileged", True, ("privileged mode", "on", "off")),
        ("HostConfig", "CapAdd", ["CAP_SYS_ADMIN"], ("added capabilities", "SYS_ADMIN", "NET_BIND_SERVICE")),
        ("HostConfig", "CapDrop", None, ("dropped capabilities", "none", "ALL")),
        ("HostConfig", "SecurityOpt", None, ("security options", "none", "no-new-privileges")),
        ("HostConfig", "RestartPolicy", {"Name": "no"}, ("restart policy", "no", "unless-stopped")),
        ("HostConfig", "Ulimits", None, ("limits", "none", "core=0:0")),
        ("HostConfig", "Tmpfs", {"/tmp": ""}, ("folders in memory", "/tmp", "/run:uid=33, /tmp")),
        ("Config", "Cmd", ["sh"], ("command", "['sh']", "['serve', '--fast']")),
        ("Config", "User", "0", ("user", "0", "10001:10001")),
        ("Config", "StopTimeout", 1, ("stop timeout", "1", "30")),
        ("Config", "Image", "r.example/other:1", ("image", "r.example/other:1", DIGEST)),
    ],
)
def test_what_was_changed_by_hand(part: str, key: str, value: Any, expected: tuple[str, str, str]) -> None:
    (told,) = drift.of_container(seen(changed(part, key, value)))
    assert (told.what, told.current, told.desired) == expected
    assert told.told == f"{expected[0]} of app-staging-blue is {expected[1]}, and the ledger says {expected[2]}"
    assert told.repair == drift.REPLACE


def test_another_mount() -> None:
    (told,) = drift.of_container(seen(changed("HostConfig", "Binds", ["/:/host"])))
    assert (told.current, told.desired) == ("/:/host", f"{FILES}:/run/secrets:ro, data:/data:ro")


def test_another_port() -> None:
    bindings = {"9000/tcp": [{"HostIp": "", "HostPort": "18081"}]}
    (told,) = drift.of_container(seen(changed("HostConfig", "PortBindings", bindings)))
    assert (told.current, told.desired) == ("every address:18081 to 9000/tcp", "127.0.0.1:18081 to 8000/tcp")


def test_an_image_is_known_by_its_digest_whatever_it_was_called() -> None:
    details = changed("Config", "Image", "app:latest")
    assert found(details, image={"Config": OWN, "RepoDigests": [IMAGE]}) == []


def test_a_limit_that_the_machine_does_not_support_is_dropped_by_docker() -> None:
    assert found(changed("HostConfig", "Memory", 0), machine={"MemoryLimit": False}) == []


def test_the_restart_policy_of_a_standby_is_its_own() -> None:
    assert found(changed("HostConfig", "RestartPolicy", {"Name": "no"}), live=False) == []


def with_variables(*variables: str) -> dict[str, Any]:
    return changed("Config", "Env", ["PATH=/bin", *variables])


def test_variables_that_differ_are_shown_and_secrets_are_not() -> None:
    assert found(with_variables("A=9", "KEY=leaked", "MORE=private")) == [
        ("environment variable A", "'9'", "'1'"),
        ("environment variable B", "(not set)", "'two=2'"),
        ("environment variable KEY", "(another value)", "(secret)"),
        ("environment variable MORE", "(set)", "(not set)"),
    ]
    text = str(drift.of_container(seen(with_variables("A=1", "B=two=2", "KEY=leaked"))))
    assert "leaked" not in text
    assert HIDDEN not in text


def test_a_secret_that_has_got_to_another_place_is_hidden() -> None:
    (told,) = drift.of_container(seen(changed("Config", "Cmd", ["serve", f"--key={HIDDEN}"])))
    assert HIDDEN not in str(told)


def test_networks() -> None:
    details = copy.deepcopy(inspected())
    details["NetworkSettings"]["Networks"]["outer"]["NetworkID"] = "f" * 64
    by_id = [PUBLIC["networks"][0], {"name": "f" * 64}]
    assert found(details, Configuration({**PUBLIC, "networks": by_id}, {"KEY": HIDDEN}, KEPT.secret_files)) == []
    details["NetworkSettings"]["Networks"]["inner"]["Aliases"] = []
    assert found(details) == [("aliases in the network inner", "without web", "web")]
    del details["NetworkSettings"]["Networks"]["outer"]
    assert found(details) == [("networks", "inner", "inner, outer")]


def test_labels_by_which_others_find_it() -> None:
    assert found(changed("Config", "Labels", {labels.DIGEST: DIGEST, labels.SLOT: "blue"})) == [
        ("label team", "(not set)", "'web'")
    ]


BLUE = {
    "name": "app-staging-blue",
    "run": "run-1",
    "slot": "blue",
    "protocol": "http1",
    "running": True,
    "status": "running",
    "ports": {"8000/tcp": "127.0.0.1:18081"},
}
PROXY = {"name": "proxy", "slot": "proxy", "running": True}
THERE = {"blue": "127.0.0.1:18081", "green": "127.0.0.1:28081"}


def environment_of(*ours: dict[str, Any], **changes: Any) -> list[drift.Drift]:
    values = {
        "fronts": [PROXY],
        "routes": Routes(all_to("blue"), addresses=THERE),
        "live": LIVE,
        "paused": None,
        "verified_runs": frozenset({"run-1"}),
        "next_slot": "blue",
    }
    return drift.of_environment(reconcile.Found(ours=ours, **{**values, **changes}), "app-staging")


def test_an_environment_as_its_ledger_says() -> None:
    assert environment_of(BLUE) == []
    assert environment_of(live=None) == []
    assert environment_of(BLUE, routes=Routes(all_to("blue"), maintenance=True, addresses=THERE)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"routes": Routes(all_to("green"), addresses=THERE)},
            "traffic goes to green 100 %, and the ledger says blue 100 %",
        ),
        ({"routes": None}, "the ledger says 1.0.1 is live, and its proxy does not run"),
        (
            {"next_slot": "green"},
            "after a restart the proxy would send traffic to green, and the ledger says blue 100 %",
        ),
        (
            {"routes": Routes(all_to("blue"), "green", addresses=THERE)},
            "those who ask for the candidate reach green, and the ledger says no slot",
        ),
        (
            {"routes": Routes(all_to("blue"), addresses={"blue": "10.0.0.9:80"})},
            "the proxy sends requests for blue to 10.0.0.9:80, and its container listens on 127.0.0.1:18081",
        ),
        (
            {"routes": Routes(all_to("blue"), addresses=THERE, protocols={"blue": "h2"})},
            "the proxy speaks h2 with blue, and its container was deployed for http1",
        ),
    ],
)
def test_traffic_that_goes_elsewhere_is_repaired_by_every_run(changes: dict[str, Any], expected: str) -> None:
    (told,) = environment_of(BLUE, **changes)
    assert told.told == expected
    assert told.repair == drift.RECONCILE


def test_a_configuration_that_haproxy_has_not_loaded_is_loaded_by_a_deployment() -> None:
    (told,) = environment_of(BLUE, loaded=False)
    assert (told.what, told.current, told.repair) == ("configuration of the proxy", "not loaded", drift.LOAD)


def test_a_container_that_was_stopped_is_started_by_every_run() -> None:
    (told,) = environment_of({**BLUE, "running": False, "status": "exited", "ports": {}})
    assert (told.current, told.desired, told.repair) == ("exited", "running", drift.RECONCILE)
    assert told.told == "the ledger says 1.0.1 is live, and its container is exited"


def test_a_container_that_is_gone_is_replaced() -> None:
    (told,) = environment_of()
    assert (told.current, told.repair) == ("gone", drift.REPLACE)
    assert told.told == "the ledger says 1.0.1 is live, and its container is gone"


def test_who_has_the_name_of_a_container_that_is_gone_is_told() -> None:
    (told,) = environment_of(foreign={"app-staging-blue": "nginx:1"})
    assert told.current == "app-staging-blue, which is none of ours and runs nginx:1"
    assert told.told.endswith("its container is gone, and app-staging-blue is none of ours: it runs nginx:1")


def test_only_names_that_ours_could_have_are_foreign() -> None:
    ours = {labels.APP: "app", labels.ENVIRONMENT: "staging"}
    everything = [
        {"Names": ["/app-staging-blue"], "Labels": ours, "Image": IMAGE},
        {"Names": ["/app-staging-green"], "Labels": {**ours, labels.APP: "other"}, "Image": "nginx"},
        {"Names": ["/app-staging-proxy-0123abcd"], "Labels": None, "Image": "haproxy"},
        {"Names": ["/app-staging-proxy-exporter"], "Labels": {}, "Image": "exporter"},
        {"Names": ["/database"], "Labels": {}, "Image": "postgres"},
    ]
    assert environment.foreign(everything, "app", "staging", {"container": "database"})["database"] == "postgres"
    assert environment.foreign(everything, "app", "staging", None) == {
        "app-staging-green": "nginx",
        "app-staging-proxy-0123abcd": "haproxy",
    }


def test_drift_as_a_diff() -> None:
    told = [it.data() for it in drift.of_container(seen(changed("HostConfig", "Memory", 0)))]
    assert drift.diff(told) == {"before": {"memory limit": "none"}, "after": {"memory limit": "512m"}}
    assert drift.diff([]) == {}
