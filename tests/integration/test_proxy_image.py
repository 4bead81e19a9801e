"""Another image of HAProxy serves, or the one before it does; nothing of it stands in the way of the next run.

Its container has limits.
"""

from __future__ import annotations

import json

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
    before = proxies(serving, serving.name), serving.running()
    run = serving.run("deploy", env="staging", version="1.0.2", proxy_image=other)
    assert run.code != 0
    assert serving.answer("staging")["version"] == "1.0.1"
    assert "serving now: " in run.output, run.output
    assert "not known" not in run.output, run.output
    assert (proxies(serving, serving.name), serving.running()) == before
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
    assert run.changed == len(["another front", "its configuration"])


def test_one_whose_configuration_somebody_has_removed_serves_again(serving: Application) -> None:
    (made,) = proxies(serving, serving.name)
    serving.target.docker("stop", "--time", "1", made.split()[0])
    serving.target.run("rm", f"{STATE}/{serving.name}-staging/proxy/haproxy.cfg")
    ended = serving.run("deploy", env="staging", version="1.0.1")
    assert ended.code == 0, ended.output
    assert serving.answer("staging")["version"] == "1.0.1"
    assert [line.rpartition(" ")[2] for line in proxies(serving, serving.name)] == ["running"]


def test_its_container_has_limits(serving: Application) -> None:
    (name,) = [line.split()[0] for line in proxies(serving, serving.name) if line.endswith(" running")]
    limits = json.loads(serving.target.docker("inspect", "--format", "{{json .HostConfig}}", name))
    assert (limits["Memory"], limits["PidsLimit"]) == (2**30, 512)
    assert {limit["Name"]: limit["Hard"] for limit in limits["Ulimits"]} == {"nofile": 9000, "core": 0}
