"""What is done to an environment under load: each case arranges its state, and then does one thing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.stage import Ended, Stage
from tests import proxies
from tests.releases import BUILDS, version

OLD, NEW, OTHER = 1, 2, 3
# Found before the cut-over, so that nobody gets an answer of theirs.
NEVER_LIVE = ("exit", "unhealthy", "broken_root", "slow_start", "wrong_port")
SLOW = {"APP_FAULT_SECONDS": "60"}
CANARY: dict[str, Any] = {
    "deploy_strategy": "canary",
    "deploy_canary_steps": [10, 50],
    "deploy_canary_latency": "convict",
    "deploy_canary_bake_seconds": 3,
    "deploy_canary_min_requests": 20,
    "deploy_canary_deadline": 60,
}
Doing = Callable[[Stage], Ended]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    :param name: what is done.
    :param arrange: brings the environment to the state before; OLD serves then, unless ``before`` says otherwise.
    :param act: does it, under load.
    :param before: builds that may answer before it,
    :param after: and after it; both may answer meanwhile, and ``meanwhile`` as well.
    :param intended: answers that are no failure of ours while it runs, such as ``status 503`` of the maintenance page.
    """

    name: str
    act: Doing
    arrange: Callable[[Stage], None] = lambda stage: stage.ship(OLD)
    before: tuple[int, ...] = (OLD,)
    after: tuple[int, ...] = (OLD,)
    meanwhile: tuple[int, ...] = ()
    intended: frozenset[str] = frozenset()
    variables: Mapping[str, Any] = field(default_factory=dict)


def build(fault: str) -> int:
    """The build that is broken this way."""
    return next(number for number, found in BUILDS.items() if found == fault)


def deploy(number: int, good: bool = True, **variables: Any) -> Doing:
    """Deploy a build, which has to succeed or to fail."""
    return lambda stage: stage.run("deploy", good, version=version(number), **variables)


def roll_back(**variables: Any) -> Doing:
    """Roll back, which has to succeed."""
    return lambda stage: stage.run("rollback", True, **variables)


def two_releases(**variables: Any) -> Callable[[Stage], None]:
    """NEW serves, and OLD was before it."""

    def arrange(stage: Stage) -> None:
        stage.ship(OLD)
        stage.ship(NEW, **variables)

    return arrange


def maintained(stage: Stage) -> Ended:
    """Turn the maintenance page on, and off again; what counts is how it ends."""
    began = stage.run("maintenance", True, state="on").began
    off = stage.run("maintenance", True, state="off")
    return Ended(off.code, off.output, began, off.ended)


def restarted(stage: Stage) -> Ended:
    """Restart HAProxy's container, as Docker does it."""
    name = stage.docker("ps", "--filter", f"label=io.slipway.app={stage.name}", "--format", "{{.Names}}").split()
    front = next(container for container in name if "-proxy-" in container)
    began = time.time()
    stage.docker("restart", "--time", "1", front)
    return Ended(0, "", began, time.time())


def upgraded(stage: Stage) -> Ended:
    """Deploy the same release with another image of the proxy."""
    following = proxies.ensure_proxy(stage.lab, "next")
    return stage.run("deploy", True, version=version(OLD), proxy_image=following)


def there_and_back(stage: Stage) -> Ended:
    """Deploy the same release with another image of the proxy, and at once with the first one again."""
    began = upgraded(stage).began
    back = stage.run("deploy", True, version=version(OLD))
    return Ended(back.code, back.output, began, back.ended)


def broken(fault: str) -> Case:
    """A release that is broken and never becomes live."""
    return Case(f"broken: {fault}", deploy(build(fault), False, deploy_health_deadline=4, deploy_env=SLOW))


def on_several_hosts() -> list[Case]:
    """Every case with the three hosts of the lab's instance trio."""
    # The fault is in a variable, so that the second host alone has it; the first one has been verified by then.
    sick = {"APP_FAULT": "{{ 'unhealthy' if inventory_hostname == 'myapp-staging-2' else '' }}"}
    rolling: dict[str, Any] = {"deploy_serial": 1, "deploy_health_deadline": 4, "deploy_env": sick}
    return [Case("three hosts, second fails", deploy(NEW, False, **rolling), meanwhile=(NEW,))]


def cases() -> list[Case]:
    """Every case with one host, in the order of the table."""
    late: dict[str, Any] = {"deploy_env": {"APP_FAULT_SECONDS": "6"}, "deploy_soak_seconds": 20}
    return [
        Case("upgrade", deploy(NEW), after=(NEW,)),
        Case("no-op deploy", deploy(OLD)),
        *(broken(fault) for fault in NEVER_LIVE),
        Case(
            "broken: unhealthy_after",
            deploy(build("unhealthy_after"), False, **late),
            meanwhile=(build("unhealthy_after"),),
        ),
        Case("rollback, warm", roll_back(), two_releases(), before=(NEW,)),
        Case("rollback, cold", roll_back(), two_releases(deploy_warm_standby=0), before=(NEW,)),
        Case("canary promoted", deploy(NEW, **CANARY), after=(NEW,)),
        Case(
            "canary aborted: latency",
            deploy(build("latency"), False, **{**CANARY, "deploy_env": {"APP_FAULT_SECONDS": "0.5"}}),
            meanwhile=(build("latency"),),
        ),
        Case("HAProxy restart", restarted),
        Case("proxy upgrade", upgraded),
        Case("proxy upgrade and back", there_and_back),
        Case("maintenance on and off", maintained, intended=frozenset({"status 503"})),
        Case("group_vars only", deploy(OLD, deploy_env={"APP_ENVIRONMENT": "staging", "SETTING": "changed"})),
    ]
