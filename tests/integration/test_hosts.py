"""An environment on several hosts: all at once or one after the other, and all of them go back when one fails.

On the lab's instance trio, whose staging is on three VMs, with requests of all kinds to each of them.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import __main__ as bench
from bench.generator import Plan
from bench.load import Load
from bench.outcomes import Outcome, failed, judge, summary
from tests import releases
from tests.integration.application import Application
from tests.integration.faults.report import Aftermath, Report
from tests.integration.faults.ssh import IMPATIENT
from tests.integration.target import Target
from tests.integration.verbs import Process, Run
from tests.lab import Lab

OLD, NEW = "1.0.1", "1.0.2"
FIRST, SECOND, THIRD = "myapp-staging", "myapp-staging-2", "myapp-staging-3"
QUICK = {
    "deploy_health_passes": 1,
    "deploy_health_interval": 0.1,
    "deploy_stop_timeout": 5,
    "deploy_soak_seconds": 1,
    "deploy_keep_failed": 0,
}
LIGHT = Plan(slow=1, websockets=1, streams=1)
RATE = 60.0


class Hosts:
    """One application on all hosts of staging, each of them by its name in the inventory."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        name, variables = f"h{secrets.token_hex(3)}", {"release_image": releases.image(lab), **QUICK}
        self._folder = folder
        self.on = {
            host: Application(name, Target(lab, vm), variables, ports={"staging": lab.staging_ports[vm]})
            for host, vm in zip((FIRST, SECOND, THIRD), lab.vms, strict=True)
        }

    def start(
        self,
        *,
        group: dict[str, Any] | None = None,
        second: dict[str, Any] | None = None,
        environ: dict[str, str] | None = None,
        **variables: Any,
    ) -> Process:
        """Start a deployment.

        :param group: variables of the group, as in ``group_vars``.
        :param second: variables of the second host.
        """
        overlay = self._folder / "overlay.yml"
        hosts = {SECOND: second or {}}
        overlay.write_text(yaml.safe_dump({"staging": {"hosts": hosts, "vars": group or {}}}), encoding="utf-8")
        return self.on[FIRST].start("deploy", env="staging", overlay=overlay, environ=environ, **variables)

    def deploy(self, version: str, **variables: Any) -> Run:
        """Deploy a version."""
        return self.start(version=version, **variables).end()

    def settle(self, **variables: Any) -> None:
        """Let all of them serve OLD; a good release has to arrive, whatever failed before."""
        if self.live() != [OLD] * 3 or self.answers() != [OLD] * 3 or variables:
            run = self.deploy(OLD, **variables)
            assert run.code == 0, run.output
        assert self.answers() == [OLD] * 3

    def live(self) -> list[str]:
        """The version that each ledger says is live."""
        return [host.live("staging") for host in self.on.values()]

    def answers(self) -> list[str]:
        """The version that each public port answers with."""
        return [host.answer("staging")["version"] for host in self.on.values()]

    @contextlib.contextmanager
    def nobody_notices(self, *changing: str, dead: str = "") -> Iterator[list[Outcome]]:
        """Send requests to each host all the time; none may fail. Yields a list that has all of them at the end.

        :param changing: hosts on which NEW may answer as well as OLD.
        :param dead: a host that gets no requests, as it stands still.
        """
        loads: dict[str, Load] = {}
        everything: list[Outcome] = []
        with contextlib.ExitStack() as stack:
            for host, application in self.on.items():
                if host != dead:
                    loads[host] = stack.enter_context(Load(application.url("staging"), RATE, plan=LIGHT))
            yield everything
        for host, load in loads.items():
            outcomes = judge(load.outcomes(), {OLD, NEW} if host in changing else {OLD})
            everything += outcomes
            print(f"{host}: {summary(outcomes)}")
        assert failed(everything) == []

    def forget(self) -> None:
        """Remove the application everywhere."""
        for host in self.on.values():
            host.target.forget(host.name)


@pytest.fixture(scope="module")
def trio() -> Iterator[Lab]:
    """The instance with three VMs beside that of the other tests, whichever that is."""
    lab = Lab.of("trio")
    try:
        bench.bring_up(lab)
        yield lab
    finally:
        bench.take_down(lab)


@pytest.fixture(scope="module")
def installed(trio: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """An application that has been deployed to all three hosts at once."""
    hosts = Hosts(trio, tmp_path_factory.mktemp("hosts"))
    try:
        hosts.settle()
        yield hosts
    finally:
        hosts.forget()


@pytest.fixture
def hosts(installed: Hosts) -> Hosts:
    """All of them serve OLD."""
    installed.settle()
    return installed


def steps(run: Run, phase: str) -> list[str]:
    """The hosts in the order in which a phase's steps ended."""
    return [event["host"] for event in run.events if event["phase"] == phase]


def batches(run: Run) -> list[set[str]]:
    """The hosts that took their locks before the first one of them had recorded its release, and so on."""
    found: list[set[str]] = [set()]
    recorded = False
    for event in run.events:
        if event["phase"] == "lock":
            if recorded:
                found.append(set())
            recorded = False
            found[-1].add(event["host"])
        recorded = recorded or event["phase"] == "commit"
    return found


def assert_went_back(application: Application) -> None:
    """The ledger says that the release was live, and why it is not any more; the proxy would start with the old one."""
    switched, back = application.ledger("staging")[-2:]
    assert (switched["event"], switched["version"]) == ("deployed", NEW)
    assert (back["event"], back["kind"], back["version"]) == ("deployed", "rollback", OLD)
    assert back["reason"] == f"{SECOND} failed"
    assert_starts_with_the_live_slot(application)


def assert_starts_with_the_live_slot(application: Application) -> None:
    """A restart of the proxy changes nothing."""
    live = application.ledger("staging")
    slot = next(entry["slot"] for entry in reversed(live) if entry["event"] == "deployed")
    config = application.target.read(f"{application.home('staging')}/proxy/haproxy.cfg").decode()
    assert [line.split()[1] for line in config.splitlines() if line.endswith(" weight 100")] == [slot]


def test_all_at_once(hosts: Hosts) -> None:
    with hosts.nobody_notices(FIRST, SECOND, THIRD):
        run = hosts.deploy(NEW)
    assert run.code == 0, run.output
    assert batches(run) == [{FIRST, SECOND, THIRD}]
    assert hosts.answers() == [NEW] * 3


@pytest.mark.parametrize(("serial", "lease"), [("100%", 660), (1, 300)])
def test_a_lock_outlasts_what_another_host_may_take(hosts: Hosts, serial: str | int, lease: int) -> None:
    """While one pulls, nothing renews the locks of the others."""
    process = hosts.start(version=NEW, deploy_serial=serial)
    process.wait_for("lock", FIRST)
    first = hosts.on[FIRST]
    held = json.loads(first.target.read(f"{first.home('staging')}/lock.json"))
    run = process.end()
    assert run.code == 0, run.output
    assert held["lease_seconds"] == lease


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"deploy_serial": 1}, [{FIRST}, {SECOND}, {THIRD}]),
        ({"group": {"deploy_serial": "67%"}}, [{FIRST, SECOND}, {THIRD}]),
    ],
)
def test_one_after_the_other(hosts: Hosts, given: dict[str, Any], expected: list[set[str]]) -> None:
    with hosts.nobody_notices(FIRST, SECOND, THIRD):
        run = hosts.deploy(NEW, **given)
    assert run.code == 0, run.output
    assert batches(run) == expected
    assert hosts.answers() == [NEW] * 3


@pytest.mark.parametrize("warm", [600, 0])
def test_the_second_one_fails_after_the_first_one_was_verified(hosts: Hosts, warm: int) -> None:
    """With no warm standby, the first one's old container has been stopped by then, and is started again."""
    first, third = hosts.on[FIRST], hosts.on[THIRD]
    old, untouched = first.live_container("staging"), (third.running(), third.ledger("staging"))
    sick = {"deploy_env": {"APP_ENVIRONMENT": "staging", "APP_FAULT": "unhealthy"}}
    with hosts.nobody_notices(FIRST):
        run = hosts.deploy(
            NEW,
            second=sick,
            deploy_serial=1,
            deploy_health_deadline=6,
            deploy_warm_standby=warm,
            deploy_drain_timeout=15,
        )
    assert run.code != 0
    assert hosts.answers() == [OLD] * 3
    assert_went_back(first)
    now = first.live_container("staging")
    assert now["Id"] == old["Id"]
    assert (now["State"]["StartedAt"] == old["State"]["StartedAt"]) is (warm > 0)
    assert now["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert (third.running(), third.ledger("staging")) == untouched
    assert f"{NEW} was not deployed to staging on {SECOND}: health: " in run.output
    assert f"other hosts: {FIRST}: {OLD} serves there again" in run.output
    assert f"{THIRD}: not come to, and so not touched" in run.output


def test_one_of_a_batch_fails_at_its_candidate(hosts: Hosts) -> None:
    sick = {"deploy_env": {"APP_ENVIRONMENT": "staging", "APP_FAULT": "unhealthy"}}
    with hosts.nobody_notices():
        run = hosts.deploy(NEW, second=sick, deploy_health_deadline=6)
    assert_given_up(hosts, run, "health")


def test_one_of_a_batch_fails_while_it_is_watched(hosts: Hosts) -> None:
    """By then all of them have moved their traffic."""
    late = {"APP_ENVIRONMENT": "staging", "APP_FAULT": "unhealthy_after", "APP_FAULT_SECONDS": "12"}
    with hosts.nobody_notices(FIRST, SECOND, THIRD):
        run = hosts.deploy(NEW, second={"deploy_env": late}, deploy_soak_seconds=20)
    assert_given_up(hosts, run, "cut-over")


def assert_given_up(hosts: Hosts, run: Run, phase: str) -> None:
    """Nothing of the release is left anywhere, and each host says why."""
    assert run.code != 0
    assert hosts.answers() == [OLD] * 3
    assert f"{NEW} was not deployed to staging on {SECOND}: {phase}: " in run.output
    for host in (FIRST, THIRD):
        assert f"{host} was given up, because {SECOND} failed: {OLD} serves there as before." in run.output
    attempt = hosts.on[SECOND].ledger("staging")[-1]
    assert (attempt["event"], attempt["phase"]) == ("failed", phase)
    for application in hosts.on.values():
        assert application.live("staging") == OLD
        runs = {it["Config"]["Labels"]["io.slipway.run"] for it in application.containers("staging").values()}
        assert attempt["run"] not in runs
        assert_starts_with_the_live_slot(application)


def test_one_of_a_batch_cannot_record_its_release(hosts: Hosts) -> None:
    """Those that have recorded it go back by themselves."""
    second = hosts.on[SECOND]
    recorded = second.ledger("staging")
    obstacle = f"{second.ledger_path('staging')}.new"
    second.target.run("mkdir", obstacle)
    try:
        with hosts.nobody_notices(FIRST, SECOND, THIRD):
            run = hosts.deploy(NEW)
    finally:
        second.target.run("rmdir", obstacle)
    assert run.code != 0
    assert hosts.answers() == [OLD] * 3
    assert second.ledger("staging") == recorded
    for host in (FIRST, THIRD):
        assert_went_back(hosts.on[host])
        assert f"{host} was given up, because {SECOND} failed: {OLD} serves there again." in run.output
    assert_starts_with_the_live_slot(second)
    assert f"{NEW} was not deployed to staging on {SECOND}: commit: " in run.output


def assert_completes(hosts: Hosts, outcomes: list[Outcome], report: Report, fault: str) -> None:
    """The same command completes on all of them, and nobody has noticed anything."""
    with hosts.nobody_notices(FIRST, SECOND, THIRD) as later:
        following = hosts.deploy(NEW)
    assert following.code == 0, following.output
    assert hosts.answers() == [NEW] * 3
    report.keep("Hosts", fault, Aftermath(OLD, NEW, outcomes, OLD, following, later), after="old on all")


def test_the_second_one_cannot_be_reached(hosts: Hosts, report: Report) -> None:
    third = hosts.on[THIRD]
    untouched = third.running(), third.ledger("staging")
    with hosts.nobody_notices(FIRST) as outcomes:
        run = hosts.deploy(NEW, deploy_serial=1, second={"ansible_port": 1})
    assert run.code != 0
    assert hosts.answers() == [OLD] * 3
    assert_went_back(hosts.on[FIRST])
    assert (third.running(), third.ledger("staging")) == untouched
    assert f"{SECOND} cannot be reached over SSH" in run.output
    assert f"{FIRST}: {OLD} serves there again" in run.output
    assert_completes(hosts, outcomes, report, "the second of three hosts cannot be reached from the start")


def test_the_last_one_gets_lost_on_the_way(hosts: Hosts, report: Report) -> None:
    """It stands still while its candidate is proven; afterwards the next run finds out what it left."""
    machine = hosts.on[THIRD].target.machine
    with hosts.nobody_notices(FIRST, SECOND, dead=THIRD) as outcomes:
        process = hosts.start(version=NEW, deploy_serial=1, deploy_health_passes=50, environ=IMPATIENT)
        process.wait_for("preflight", THIRD)
        subprocess.run(["docker", "pause", machine], check=True, capture_output=True)
        try:
            run = process.end()
        finally:
            subprocess.run(["docker", "unpause", machine], check=True, capture_output=True)
    assert run.code != 0
    assert f"{THIRD} cannot be reached over SSH" in run.output
    for host in (FIRST, SECOND):
        assert hosts.on[host].answer("staging")["version"] == OLD
        assert hosts.on[host].ledger("staging")[-1]["reason"] == f"{THIRD} failed"
        assert f"{host}: {OLD} serves there again" in run.output
    assert hosts.answers() == [OLD] * 3
    assert_completes(hosts, outcomes, report, "the third of three hosts dies between candidate and cut-over")
