"""Whatever somebody changes by hand is shown by status and by a check, and repaired by deploying the same version."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from bench.load import Load
from bench.outcomes import failed
from tests.integration.application import APPROVER, Application
from tests.integration.conftest import QUICK
from tests.integration.target import Target
from tests.integration.verbs import Run

PORTS = {"staging": 8094, "production": 8095}
CHECK = ("--check", "--diff")
VERSION = "1.0.1"
Drift = list[dict[str, Any]]


def at(target: Target, env: str) -> dict[str, Any]:
    """The variables of an environment's public port."""
    return {"deploy_port": PORTS[env], "deploy_public_url": f"http://{target.address}:{PORTS[env]}"}


@pytest.fixture(scope="module")
def drifting(target: Target, image: str) -> Iterator[Application]:
    """An application of its own, whose staging serves 1.0.1: others count on the standby of theirs."""
    variables = {"release_image": image, **QUICK, **at(target, "staging")}
    made = Application(f"d{secrets.token_hex(3)}", target, variables, target.address, PORTS)
    made.ship("staging", 1)
    yield made
    target.forget(made.name)


def drift(app: Application, env: str = "staging", **variables: Any) -> Drift:
    """What status says has drifted, as JSON and below the table; it has to fail exactly where there is something."""
    ended = app.run("status", format="json", **variables)
    report = next(item["report"] for item in json.loads(json_of(ended)) if item["environment"] == env)
    found: Drift = report["drift"]
    assert (ended.code != 0) is bool(found), ended.output
    return found


def json_of(run: Run) -> str:
    """What status has printed for programs; why it failed comes on another stream."""
    return "\n".join(line for line in run.output.splitlines() if not line.lstrip().startswith("✗"))


def told_by_status(app: Application) -> str:
    return app.run("status").reason


def checked(app: Application, env: str = "staging", **variables: Any) -> Run:
    """A check of deploying the same version, which changes nothing."""
    before = app.running(), app.ledger(env)
    run = app.run("deploy", *CHECK, env=env, version=VERSION, **variables)
    assert run.code == 0, run.output
    assert (app.running(), app.ledger(env)) == before
    return run


def shows(run: Run, what: str, current: str, desired: str) -> None:
    """Fails the test unless the diff has it."""
    before, after = re.escape(json.dumps(current)), re.escape(json.dumps(desired))
    assert re.search(rf'^-\s+"{what}": {before}', run.output, re.MULTILINE), run.output
    assert re.search(rf'^\+\s+"{what}": {after}', run.output, re.MULTILINE), run.output


def repaired(app: Application, env: str = "staging", **variables: Any) -> Run:
    """A plain deployment of the same version, after which nothing has drifted any more."""
    run = app.run("deploy", env=env, version=VERSION, **variables)
    assert run.code == 0, run.output
    assert app.answer(env)["version"] == VERSION
    assert drift(app, env, **variables) == []
    assert checked(app, env, **variables).changed == 0
    return run


def live(app: Application, env: str = "staging") -> str:
    """The name of the live container."""
    return str(app.live_container(env)["Name"].lstrip("/"))


def test_nothing_has_drifted_right_after_a_deployment(drifting: Application) -> None:
    assert drift(drifting) == []


def test_nothing_has_drifted_without_a_proxy(recreated: Application) -> None:
    assert drift(recreated) == []


@pytest.fixture
def network(drifting: Application) -> Iterator[str]:
    """A network of Docker's; at the end staging is as it was."""
    name = f"{drifting.name}-net"
    drifting.target.docker("network", "create", name)
    yield name
    drifting.ship("staging", 1, deploy_warm_standby=0)
    keep = drifting.live_container("staging")["Id"]
    drifting.target.docker("rm", "--force", *(key for key in drifting.containers("staging") if key != keep))
    drifting.target.docker("network", "rm", name)


def test_nothing_has_drifted_with_every_setting_until_its_file_is_edited(drifting: Application, network: str) -> None:
    settings = {
        "deploy_memory": "300m",
        "deploy_cpus": 1.5,
        "deploy_pids_limit": 200,
        "deploy_env": {"A": "1", "B": "true", "C": "x=y"},
        "deploy_secret_env": {"API_TOKEN": "shown-to-nobody"},
        "deploy_secrets": {"password": "nor-this"},
        "deploy_volumes": [f"{drifting.name}-data:/data", "/etc/hostname:/etc/machine:ro"],
        "deploy_networks": [{"name": network}, {"name": "bridge"}],
        "deploy_tmpfs": ["/tmp", "/cache:size=1m"],
        "deploy_capabilities": ["NET_BIND_SERVICE", "CHOWN"],
        "deploy_labels": {"team": "web"},
        "deploy_init": False,
        "deploy_restart_policy": "always",
    }
    drifting.ship("staging", 1, **settings)
    assert drift(drifting) == []
    assert checked(drifting, **settings).changed == 0
    kept = f"{drifting.home('staging')}/configs/{drifting.ledger('staging')[-1]['config']}/config.json"
    before = drifting.target.read(kept)
    content = json.loads(before)
    content["public"]["volumes"] = ["/:/host"]
    drifting.target.run("sh", "-c", f"cat > {kept}", given=json.dumps(content).encode())
    (found,) = drift(drifting)
    assert (found["what"], found["current"]) == ("kept configuration", "the content is not what its hash stands for")
    drifting.target.run("sh", "-c", f"cat > {kept}", given=before)


def test_changed_limits(drifting: Application) -> None:
    name = live(drifting)
    drifting.target.docker("update", "--memory", "256m", "--memory-swap", "256m", name)
    (found,) = drift(drifting)
    assert (found["what"], found["current"], found["desired"]) == ("memory limit", "256m", "1g")
    sentence = f"memory limit of {name} is 256m, and the ledger says 1g"
    assert told_by_status(drifting) == f"myapp-staging: {sentence}."
    check = checked(drifting)
    assert check.changed == len(["container", "traffic"])
    assert f"will get a new container: {sentence}" in check.output
    shows(check, "memory limit", "256m", "1g")
    with Load(drifting.url("staging")) as load:
        repaired(drifting)
    assert load.outcomes()
    assert failed(load.outcomes()) == []
    assert live(drifting) != name


def test_the_same_container_is_not_used_again_as_it_was_changed(drifting: Application) -> None:
    """The standby of a repair is what was changed: the next repair makes another one."""
    drifting.target.docker("update", "--memory", "256m", "--memory-swap", "256m", live(drifting))
    repaired(drifting)
    drifting.target.docker("update", "--pids-limit", "100", live(drifting))
    repaired(drifting)


def test_changed_restart_policy_and_secrets_that_differ(drifting: Application) -> None:
    """A container that was made again by hand with our labels; the value of a secret is shown nowhere."""
    token = {"deploy_secret_env": {"API_TOKEN": "shown-to-nobody"}}
    drifting.ship("staging", 1, **token)
    before = drifting.live_container("staging")
    name = live(drifting)
    labels = [f"--label={key}={value}" for key, value in before["Config"]["Labels"].items()]
    port = next(iter(before["HostConfig"]["PortBindings"].values()))[0]["HostPort"]
    drifting.target.docker("rm", "--force", name)
    published, given = f"--publish=127.0.0.1:{port}:8000", "--env=API_TOKEN=leaked"
    drifting.target.docker("run", "--detach", "--name", name, *labels, published, given, before["Config"]["Image"])
    found = {item["what"]: (item["current"], item["desired"]) for item in drift(drifting)}
    assert found["environment variable API_TOKEN"] == ("(another value)", "(secret)")
    assert found["restart policy"] == ("no", "unless-stopped")
    assert found["read-only root"] == ("off", "on")
    check = checked(drifting, **token)
    assert "environment variable API_TOKEN" in check.output
    for secret in ("leaked", "shown-to-nobody"):
        assert secret not in check.output
        assert secret not in json.dumps(found)
    repaired(drifting, **token)
    drifting.ship("staging", 1, deploy_health_passes=1)


def test_stopped_by_hand(drifting: Application) -> None:
    drifting.target.docker("stop", "--time", "5", live(drifting))
    (found,) = drift(drifting)
    assert (found["what"], found["current"], found["desired"]) == ("container", "exited", "running")
    check = checked(drifting)
    shows(check, "container", "exited", "running")
    assert f"the ledger says {VERSION} is live, and its container is exited" in check.output
    assert check.changed == len(["container"])
    assert repaired(drifting).changed == len(["container"])


def test_paused_by_hand(drifting: Application) -> None:
    drifting.target.docker("pause", live(drifting))
    (found,) = drift(drifting)
    assert (found["what"], found["current"], found["desired"]) == ("container", "paused", "running")
    shows(checked(drifting), "container", "paused", "running")
    repaired(drifting)


ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[2].encode() + b"\\n")
    print(connection.recv(65536).decode())
"""


@pytest.mark.parametrize(
    ("commands", "what", "current"),
    [
        ("set server app/{other} weight 100; set server app/{slot} weight 0", "traffic", "{other} 100 %"),
        ("disable server app/{slot}", "traffic", "no slot"),
        ("set server app/{slot} addr 127.0.0.1 port 9", "address of {slot}", "127.0.0.1:9"),
    ],
)
def test_proxy_that_was_pointed_elsewhere(drifting: Application, commands: str, what: str, current: str) -> None:
    slot = drifting.live_container("staging")["Config"]["Labels"]["io.slipway.slot"]
    names = {"slot": slot, "other": {"blue": "green", "green": "blue"}[slot]}
    socket = drifting.target.run("sh", "-c", f"ls {drifting.home('staging')}/proxy/run/*.sock").strip()
    drifting.target.run("python3", "-c", ASK, socket, commands.format(**names))
    (found,) = drift(drifting)
    assert (found["what"], found["current"]) == (what.format(**names), current.format(**names))
    check = checked(drifting)
    shows(check, found["what"], found["current"], found["desired"])
    assert found["told"] in check.output
    assert repaired(drifting).changed == len(["traffic"])


@pytest.mark.parametrize("by_hand", [("stop", "--time", "1"), ("rm", "--force")])
def test_proxy_that_does_not_run(drifting: Application, by_hand: tuple[str, ...]) -> None:
    label = f"label=io.slipway.app={drifting.name}"
    listed = drifting.target.docker("ps", "--filter", label, "--format", "{{.Names}}").split()
    drifting.target.docker(*by_hand, next(name for name in listed if f"{drifting.name}-staging-proxy-" in name))
    (found,) = drift(drifting)
    assert (found["what"], found["current"], found["desired"]) == ("proxy", "not running", "running")
    shows(checked(drifting), "proxy", "not running", "running")
    repaired(drifting)


def other_image(target: Target) -> str:
    """An image on the VM that is no release."""
    proxies = target.docker("ps", "--filter", "label=io.slipway.slot=proxy", "--format", "{{.Image}}")
    return proxies.splitlines()[0]


@pytest.fixture
def replaced(drifting: Application) -> Iterator[str]:
    """The live container was removed, and somebody has started another image under its name, which is told."""
    name, image = live(drifting), other_image(drifting.target)
    drifting.target.docker("rm", "--force", name)
    drifting.target.docker("run", "--detach", "--name", name, "--entrypoint", "sleep", image, "infinity")
    yield name
    drifting.target.docker("rm", "--force", name)


def test_another_image_under_its_name(drifting: Application, replaced: str) -> None:
    image = other_image(drifting.target)
    (found,) = drift(drifting)
    assert found["current"] == f"{replaced}, which is none of ours and runs {image}"
    check = checked(drifting)
    shows(check, "container", found["current"], f"the container of {VERSION}")
    assert f"{replaced} is none of ours: it runs {image}" in check.output
    foreign = drifting.target.docker("inspect", "--format", "{{.Id}}", replaced)
    repaired(drifting)
    assert live(drifting) != replaced
    with drifting.untouched():
        reason = drifting.run("deploy", env="staging", version="1.0.3").reason
    expected = rf"{replaced}, which runs {re.escape(image)}, .*docker rename {replaced} .*run the same command again\."
    assert re.fullmatch(expected, reason), reason
    assert drifting.target.docker("inspect", "--format", "{{.Id}} {{.State.Running}}", replaced) == f"{foreign} true"


def test_production_is_repaired_without_another_approval(drifting: Application) -> None:
    """What is replaced is what was approved; a change of its configuration is not."""
    drifting.ship("staging", 1)
    port = at(drifting.target, "production")
    if not drifting.live("production"):
        assert drifting.run("approve", version=VERSION, approved_by=APPROVER, **port).code == 0
        shipped = drifting.run("deploy", env="production", version=VERSION, **port)
        assert shipped.code == 0, shipped.output
    drifting.target.docker("update", "--pids-limit", "100", live(drifting, "production"))
    assert [it["what"] for it in drift(drifting, "production", **port)] == ["process limit"]
    repaired(drifting, "production", **port)
    changed = drifting.run("deploy", env="production", version=VERSION, **port, deploy_pids_limit=200)
    assert "needs a new approval" in changed.reason


def test_ledger_that_was_edited_is_restored_by_a_person(drifting: Application) -> None:
    path = drifting.ledger_path("staging")
    with drifting.ledger_restored("staging") as before:
        drifting.target.write(path, before.replace(b'"1.0.1"', b'"1.0.9"', 1))
        ended = drifting.run("status", format="json")
        item = next(it for it in json.loads(json_of(ended)) if it["environment"] == "staging")
        assert drifting.run("deploy", *CHECK, env="staging", version=VERSION).code != 0
        reason = drifting.run("deploy", env="staging", version=VERSION).reason
    (found,) = item["drift"]
    assert (found["what"], found["current"]) == ("ledger", "line 1: the hash does not match its content")
    assert found["desired"] == "as it was written: restore the file from a backup"
    for told in (item["error"], reason):
        assert re.search(rf"{path} line 1: the hash does not match .* restore that file from a backup", told), told
