"""Another image of HAProxy serves, or the one before it does; nothing of it stands in the way of the next run.

Its container has limits.
"""

from __future__ import annotations

import json
import secrets

import pytest

from tests.integration.application import Application
from tests.integration.target import STATE
from tests.proxies import ensure_proxy


def proxies(app: Application, name: str) -> list[str]:
    """The proxy's containers of an application's staging, those that check included, and what they do."""
    told = app.target.docker("ps", "-a", "--format", "{{.Names}} {{.State}}")
    return [line for line in told.splitlines() if line.startswith(f"{name}-staging-proxy-")]


@pytest.mark.parametrize("proxy", ["broken", "without"])
def test_one_that_does_not_come_up(serving: Application, proxy: str) -> None:
    """It fails the run, which says what serves; status tells it too, and the next run works with the image before."""
    other = ensure_proxy(serving.target.lab, proxy)
    before = proxies(serving, serving.name)
    with serving.untouched():
        run = serving.run("deploy", env="staging", version="1.0.2", proxy_image=other)
    assert run.code != 0
    assert "serving now: " in run.output, run.output
    assert "not known" not in run.output, run.output
    assert proxies(serving, serving.name) == before
    status = serving.run("status")
    assert status.code == 0, status.output
    ended = serving.run("deploy", env="staging", version="1.0.2")
    assert ended.code == 0, ended.output
    assert serving.answer("staging")["version"] == "1.0.2"
    serving.ship("staging", 1)


def test_a_check_tells_that_another_one_would_take_over(serving: Application) -> None:
    other = ensure_proxy(serving.target.lab, "next")
    with serving.untouched():
        run = serving.run("deploy", "--check", "--diff", env="staging", version="1.0.1", proxy_image=other)
    assert run.code == 0, run.output
    assert "HAProxy gets a new container" in run.output, run.output
    assert run.changed == 1


def test_one_that_was_made_for_a_first_deployment_and_has_no_configuration(serving: Application) -> None:
    """As a run leaves it that is killed when it has made the container, before it writes what HAProxy reads."""
    name, port = f"f{secrets.token_hex(3)}", 8096
    settings = {"env": "staging", "deploy_name": name, "deploy_port": port}
    settings |= {"deploy_public_url": f"http://{serving.target.address}:{port}"}
    try:
        failed = serving.run("deploy", version="1.0.11", **settings)
        assert failed.code != 0
        (made,) = proxies(serving, name)
        serving.target.docker("stop", "--time", "1", made.split()[0])
        serving.target.run("rm", f"{STATE}/{name}-staging/proxy/haproxy.cfg")
        ended = serving.run("deploy", version="1.0.1", **settings)
        assert ended.code == 0, ended.output
        assert [line.rpartition(" ")[2] for line in proxies(serving, name)] == ["running"]
    finally:
        serving.target.forget(name)


def test_its_container_has_limits(serving: Application) -> None:
    (name,) = [line.split()[0] for line in proxies(serving, serving.name) if line.endswith(" running")]
    limits = json.loads(serving.target.docker("inspect", "--format", "{{json .HostConfig}}", name))
    assert (limits["Memory"], limits["PidsLimit"]) == (2**30, 512)
    assert {limit["Name"]: limit["Hard"] for limit in limits["Ulimits"]} == {"nofile": 9000, "core": 0}
