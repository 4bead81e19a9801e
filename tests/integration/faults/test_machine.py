"""Whatever is killed or restarted on the target comes back with the same release, without a person."""

from __future__ import annotations

import pytest

from tests.integration.application import Application
from tests.integration.faults.ground import Ground, wait_until
from tests.integration.faults.report import Report
from tests.integration.target import Target, run

BACK_SECONDS = 60.0
IN_FLIGHT = 10
HOG = "b = []\nwhile True: b.append(bytearray(10**7))"


def pid(target: Target, container: str) -> str:
    """The process id of a container's first process."""
    return target.docker("inspect", "--format", "{{.State.Pid}}", container)


def service(target: Target, name: str) -> str:
    """The process id of one of the machine's services."""
    return target.run("pidof", name).split()[0]


def front(app: Application) -> str:
    """The proxy's container."""
    found = app.target.containers(app.name).items()
    return next(key for key, it in found if it["Config"]["Labels"]["io.slipway.slot"] == "proxy")


def live(app: Application) -> str:
    """The live container."""
    return str(app.live_container("staging")["Id"])


def restart_dockerd(app: Application) -> None:
    """SIGTERM to dockerd, which the machine's init starts again; containers run on (live-restore)."""
    before = service(app.target, "dockerd")
    app.target.run("kill", before)
    wait_until(lambda: app.target.run("sh", "-c", "pidof dockerd || :").strip() not in ("", before))


def kill_dockerd(app: Application) -> None:
    """SIGKILL to dockerd."""
    before = service(app.target, "dockerd")
    app.target.run("kill", "-9", before)
    wait_until(lambda: app.target.run("sh", "-c", "pidof dockerd || :").strip() not in ("", before))


def kill_containerd(app: Application) -> None:
    """SIGKILL to containerd."""
    before = service(app.target, "containerd")
    app.target.run("kill", "-9", before)
    wait_until(lambda: app.target.run("sh", "-c", "pidof containerd || :").strip() not in ("", before))


def out_of_memory(app: Application) -> None:
    """A process in the live container takes all memory it may have, and the kernel kills the application's."""
    container = live(app)
    # The kernel takes the largest score first, and so not the process that eats the memory.
    processes = app.target.docker("top", container, "-o", "pid").split()[1:]
    app.target.run("sh", "-c", f"for it in {' '.join(processes)}; do echo 1000 > /proc/$it/oom_score_adj; done")
    app.target.run("sh", "-c", f"docker exec {container} python3 -c '{HOG}' || :")


def kill_live(app: Application) -> None:
    """``docker kill`` of the live container."""
    app.target.docker("kill", live(app))


def kill_live_process(app: Application) -> None:
    """SIGKILL to the live container's first process."""
    app.target.run("kill", "-9", pid(app.target, live(app)))


def kill_proxy(app: Application) -> None:
    """``docker kill`` of the proxy's container."""
    app.target.docker("kill", front(app))


def kill_proxy_process(app: Application) -> None:
    """SIGKILL to HAProxy."""
    app.target.run("kill", "-9", pid(app.target, front(app)))


def stop_machine(app: Application) -> None:
    """The machine stops hard, and is started."""
    run(["docker", "restart", "--time", "0", app.target.machine])


# The containers run on. What dockerd forwards to a slot's port goes through a process of its own, which ends with it,
# and so do the requests in flight; HAProxy sends the next ones again until the port is back.
CUT_ONLY = {"dockerd restarted": restart_dockerd, "dockerd killed": kill_dockerd}
UNNOTICED = {"containerd killed": kill_containerd}
NOTICED = {
    "live container's process killed": kill_live_process,
    "live container killed (docker kill)": kill_live,
    "live container out of memory": out_of_memory,
    "proxy's process killed": kill_proxy_process,
    "proxy killed (docker kill)": kill_proxy,
    "machine stopped hard and started": stop_machine,
}
ALL = {**CUT_ONLY, **UNNOTICED, **NOTICED}
CUT = {"reset", "truncated", "closed 1001", "closed 1006"}
QUICK = ("dockerd restarted", "live container killed (docker kill)", "machine stopped hard and started")
FAULTS = [pytest.param(name, marks=() if name in QUICK else pytest.mark.thorough) for name in ALL]


def assert_noticed_no_more(name: str, failed: dict[str, int]) -> None:
    """Nobody whose requests were not with what was killed."""
    if name in UNNOTICED:
        assert failed == {}
    elif name in CUT_ONLY:
        assert set(failed) <= CUT
        assert sum(failed.values()) <= IN_FLIGHT


@pytest.mark.parametrize("name", FAULTS)
def test_the_same_release_comes_back(ground: Ground, name: str, report: Report) -> None:
    app, version = ground.app, ground.live
    ALL[name](app)
    wait_until(lambda: app.answer("staging")["version"] == version, BACK_SECONDS, f"{version} did not come back")
    back = ground.seconds_since()
    wait_until(ground.speaks_ssh, BACK_SECONDS)
    aftermath = ground.recover(version, version, fresh=0)
    assert_noticed_no_more(name, aftermath.failed)
    status = app.run("status")
    assert "! myapp-staging" not in status.output, status.output
    report.keep("Machine", name, aftermath, after=f"the release, {back:.1f} s later")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.thorough) for name in ("dockerd restarted", "containerd killed")],
)
@pytest.mark.parametrize("phase", ["health", "cut-over"])
def test_a_deployment_meets_it(ground: Ground, name: str, phase: str, report: Report) -> None:
    old, version = ground.next()
    process = ground.app.start("deploy", env="staging", version=version)
    process.wait_for(phase)
    ALL[name](ground.app)
    ended = process.end()
    aftermath = ground.recover(old, version)
    assert aftermath.after
    assert_noticed_no_more(name, aftermath.failed)
    fault = f"{name} after {phase} of a deployment, which {'completed' if ended.code == 0 else 'failed'}"
    report.keep("Machine", fault, aftermath)
