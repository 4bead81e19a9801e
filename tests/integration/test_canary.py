"""A person decides about a canary: it waits, is promoted or given up, and can be looked at before."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.integration.application import Application

CANARY = {"deploy_strategy": "canary", "env": "staging"}


def asked(application: Application, **headers: str) -> str:
    """The version that answers a request with these headers."""
    request = urllib.request.Request(application.url("staging", "/version"), headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.loads(answer.read())["version"])


@pytest.fixture
def waiting(serving: Application) -> Application:
    """1.0.1 is live, and a canary of 1.0.2 waits."""
    if serving.live("staging") != "1.0.1":
        assert serving.run("deploy", env="staging", version="1.0.1").code == 0
    paused = serving.run("deploy", **CANARY, version="1.0.2", canary="pause")
    assert paused.code == 0, paused.output
    return serving


def test_only_who_asks_for_it_reaches_a_canary_that_waits(waiting: Application) -> None:
    assert {asked(waiting) for _ in range(20)} == {"1.0.1"}
    assert asked(waiting, **{"X-Canary": "always"}) == "1.0.2"
    assert asked(waiting, Cookie="X-Canary=always") == "1.0.2"
    assert asked(waiting, **{"X-Canary": "no"}) == "1.0.1"

    refused = waiting.run("deploy", **CANARY, version="1.0.3")
    assert "A canary of 1.0.2 waits since" in refused.reason
    refused = waiting.run("rollback", env="staging")
    assert "A canary of 1.0.2 waits since" in refused.reason
    assert asked(waiting, **{"X-Canary": "always"}) == "1.0.2"

    aborted = waiting.run("deploy", **CANARY, canary="abort")
    assert aborted.code == 0, aborted.output
    assert asked(waiting, **{"X-Canary": "always"}) == "1.0.1"
    assert waiting.live("staging") == "1.0.1"
    assert waiting.events("staging")[-2:] == ["paused", "aborted"]
    assert "no canary waits here" in waiting.run("deploy", **CANARY, canary="promote").reason.lower()


def test_a_canary_that_a_person_promotes_is_live(waiting: Application) -> None:
    promoted = waiting.run("deploy", **CANARY, canary="promote")
    assert promoted.code == 0, promoted.output
    assert asked(waiting) == "1.0.2"
    entry = waiting.ledger("staging")[-1]
    assert (entry["event"], entry["version"], entry["replaced"]["version"]) == ("deployed", "1.0.2", "1.0.1")


def test_a_canary_can_wait_in_the_container_of_the_standby(serving: Application) -> None:
    """The time of a standby does not end it, and once somebody has changed it, its promotion makes another one."""
    serving.ship("staging", 1)
    serving.ship("staging", 2)
    before = serving.containers("staging")
    (standby,) = [key for key, it in before.items() if it["Config"]["Labels"]["io.slipway.version"] == "1.0.1"]
    paused = serving.run("deploy", **CANARY, version="1.0.1", canary="pause")
    assert paused.code == 0, paused.output
    assert asked(serving, **{"X-Canary": "always"}) == "1.0.1"
    policy = serving.containers("staging")[standby]["HostConfig"]["RestartPolicy"]["Name"]
    assert policy == "unless-stopped", "it ends with the time of a standby"
    serving.target.docker("update", "--pids-limit", "99", standby)
    promoted = serving.run("deploy", **CANARY, canary="promote")
    assert promoted.code == 0, promoted.output
    assert asked(serving) == "1.0.1"
    assert standby not in serving.containers("staging")
    assert serving.run("status").code == 0


def test_a_canary_that_waits_can_have_a_share(serving: Application) -> None:
    if serving.live("staging") != "1.0.1":
        assert serving.run("deploy", env="staging", version="1.0.1").code == 0
    paused = serving.run("deploy", **CANARY, version="1.0.3", canary="pause", canary_weight=50)
    assert paused.code == 0, paused.output
    assert {asked(serving) for _ in range(20)} == {"1.0.1", "1.0.3"}
    assert serving.run("deploy", **CANARY, canary="abort").code == 0
    assert {asked(serving) for _ in range(20)} == {"1.0.1"}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"canary": "pause"}, "-e canary=pause needs deploy_strategy: canary"),
        ({"canary": "stop", "deploy_strategy": "canary"}, "canary is 'stop'"),
        ({"canary": "pause", "canary_weight": 101, "deploy_strategy": "canary"}, "canary_weight is '101'"),
        ({"deploy_canary_steps": [50, 5]}, "each share has to be larger than the one before it"),
        ({"deploy_canary_steps": [0, 5]}, "give shares of the traffic in per cent"),
        ({"proxy_blue_port": 8081}, "deploy_port and proxy_blue_port are both 8081"),
        ({"proxy_blue_port": 70000}, "proxy_blue_port is 70000, and a port is between 1 and 65535"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    serving: Application, variables: dict[str, object], sentence: str
) -> None:
    with serving.untouched():
        run = serving.run("deploy", env="staging", version="1.0.2", **variables)
    assert sentence in run.reason


def test_a_canary_needs_the_proxy_before_what_is_live(recreated: Application) -> None:
    """The live container holds the public port itself, and nothing could give the canary its share."""
    before = recreated.running()
    run = recreated.run("deploy", env="staging", version="1.0.2", deploy_strategy="canary", canary="pause")
    assert "holds port 8083 itself, as recreate has left it" in run.reason
    assert recreated.running() == before
