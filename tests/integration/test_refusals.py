"""Whatever stands in the way of a deployment is found while the live container serves, and nothing is touched."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration import lab_registry
from tests.integration.application import APPROVER, Application
from tests.integration.target import Target

LIVE, NEWER = 1, 2  # of production and of staging
NEVER_DEPLOYED = "1.0.5"  # by any test, so that its image is not on the VM
AGAIN = r"run the same command again"


def refused(promoted: Application, verb: str = "deploy", **variables: Any) -> str:
    """The sentence with which a verb is refused, leaving everything as it was."""
    with promoted.untouched():
        ended = promoted.run(verb, **variables)
    return ended.reason


def test_version_that_the_registry_does_not_have(promoted: Application) -> None:
    reason = refused(promoted, env="staging", version="1.0.99")
    assert re.search(r"has no .*1\.0\.99.*build\.yml", reason), reason


def test_what_happens_as_json(promoted: Application) -> None:
    """Each step is one object, and the one that fails has the sentence that people read."""
    run = promoted.run("deploy", env="staging", version="1.0.99", format="json")
    assert run.code != 0
    lines = run.output.splitlines()
    steps = [json.loads(line) for line in lines if line.startswith("{")]
    assert [step["phase"] for step in steps][:2] == ["validate", "lock"]
    (reason,) = [line.partition("✗ ")[2] for line in lines if "✗ " in line]
    assert [step["message"] for step in steps if step.get("message")] == [reason]
    assert len(lines) == len(steps) + 1


def test_registry_that_is_down(promoted: Application, target: Target) -> None:
    with lab_registry.stopped(target):
        reason = refused(promoted, env="staging", version="1.0.3")
    assert re.search(rf"registry .* (cannot be reached|did not answer).*check that it is up.*{AGAIN}", reason), reason


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"release_registry_password": "wrong"}, r"refuses to let slipway read .*: check release_registry_username"),
        ({"release_registry_ca_file": ""}, r"certificate .*release_registry_ca_file"),
        ({"release_registry_username": ""}, r"wants a login .*: set release_registry_username"),
    ],
)
def test_registry_that_refuses(promoted: Application, variables: dict[str, Any], expected: str) -> None:
    reason = refused(promoted, env="staging", version="1.0.3", **variables)
    assert re.search(expected, reason), reason


def test_machine_that_cannot_be_reached(promoted: Application, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        overlay = tmp_path / "closed.yml"
        hosts = {"myapp-staging": {"ansible_port": closed.getsockname()[1]}}
        overlay.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        reason = refused(promoted, env="staging", version="1.0.3", overlay=overlay)
    assert re.search(r"myapp-staging cannot be reached over SSH.*ansible myapp-staging -m ping", reason), reason


@pytest.mark.parametrize("verb", ["deploy", "approve"])
def test_staging_that_cannot_be_reached_is_named(promoted: Application, tmp_path: Path, verb: str) -> None:
    """Production needs it, and what is unreachable is not production."""
    overlay = tmp_path / "closed.yml"
    overlay.write_text(yaml.safe_dump({"all": {"hosts": {"myapp-staging": {"ansible_port": 1}}}}), encoding="utf-8")
    variables = {"env": "production"} if verb == "deploy" else {"approved_by": APPROVER}
    run = promoted.run(verb, overlay=overlay, **variables)
    assert run.code != 0
    assert re.search(r"myapp-staging cannot be reached over SSH.*ansible myapp-staging -m ping", run.output), run.output


def test_address_that_the_machine_does_not_have(promoted: Application) -> None:
    reason = refused(promoted, env="staging", version="1.0.3", deploy_bind="203.0.113.1")
    assert re.search(r"(?i)deploy_bind is 203\.0\.113\.1, which is no address of this machine", reason)


def test_network_that_docker_does_not_know(promoted: Application) -> None:
    reason = refused(promoted, env="staging", version="1.0.3", deploy_networks=[{"name": "nowhere"}])
    assert re.search(r"(?i)deploy_networks has 'nowhere'.*make it with docker network create nowhere", reason), reason


def test_lease_that_may_end_before_the_deployment(promoted: Application) -> None:
    reason = refused(promoted, env="staging", version="1.0.3", ledger_lock_lease=60)
    assert re.search(r"ledger_lock_lease is 60 s, and .* add up to 90 s.*: make the lease longer", reason), reason


def test_containers_without_their_ledger(promoted: Application) -> None:
    """A ledger that was lost, or is looked for elsewhere, is no reason to remove what serves."""
    reason = refused(promoted, env="staging", version="1.0.3", ledger_directory="/var/lib/elsewhere")
    assert re.search(r"(?i)serves here, and /var/lib/elsewhere/.* does not exist: correct ledger_directory", reason)


def test_damaged_staging_ledger_stops_production_with_its_own_words(promoted: Application, target: Target) -> None:
    with promoted.ledger_restored("staging") as before:
        target.write(promoted.ledger_path("staging"), flipped(before))
        reason = refused(promoted, env="production")
    assert f"{promoted.ledger_path('staging')} line 2: the hash does not match its content" in reason


@pytest.fixture
def dangling_image(target: Target) -> Iterator[None]:
    """An image on the VM that has no name, and that no container uses."""
    script = "head -c 2000000 /dev/urandom >/tmp/filler; tar -c -C /tmp filler | docker import -; rm /tmp/filler"
    identity = target.run("sh", "-c", script).strip()
    yield
    target.docker("image", "rm", identity)


@pytest.mark.usefixtures("dangling_image")
def test_disk_without_room(promoted: Application) -> None:
    """An image that is on the VM takes no more room; of one that is not, the registry tells the size."""
    reason = refused(promoted, env="staging", version="1.0.1", deploy_disk_min_mb=99_999_999)
    expected = rf"has \d+ MiB free and 99999999 MiB are needed \(deploy_disk_min_mb\).*{AGAIN}"
    assert re.search(expected, reason), reason
    reason = refused(promoted, env="staging", version=NEVER_DEPLOYED, deploy_disk_min_mb=99_999_999)
    expected = (
        r"and (\d+) MiB are needed \(3 times the (\d+) MiB of the image's layers, and deploy_disk_min_mb\): "
        rf"free some, for instance \d+ MiB of \d+ dangling images? \(docker image (?:prune|rm [0-9a-f ]+)\), .*{AGAIN}"
    )
    found = re.search(expected, reason)
    assert found, reason
    needed, layers = map(int, found.groups())
    assert layers > 0
    assert needed == 3 * layers + 99_999_999


@pytest.fixture
def listener(target: Target) -> Iterator[int]:
    """A port of the VM on which another program listens."""
    port = 8090
    script = f"import http.server; http.server.HTTPServer(('', {port}), None).serve_forever()"
    target.run("sh", "-c", f'nohup python3 -c "{script}" >/dev/null 2>&1 & echo $! >/run/listener.pid')
    deadline = time.monotonic() + 10
    while f":{port:04X} " not in target.run("cat", "/proc/net/tcp"):
        assert time.monotonic() < deadline, "nothing listens"
        time.sleep(0.05)
    yield port
    target.run("sh", "-c", "kill $(cat /run/listener.pid); rm /run/listener.pid")


def test_port_taken_by_a_program(promoted: Application, listener: int) -> None:
    reason = refused(promoted, env="staging", version="1.0.3", deploy_port=listener)
    expected = rf"Port {listener} on myapp-staging is taken by python3 \(pid \d+\): stop that, or choose another"
    assert re.search(expected, reason), reason


@pytest.fixture
def foreign_container(target: Target, promoted: Application) -> Iterator[int]:
    """A port of the VM that a container publishes which is not ours."""
    port = 8091
    image = next(iter(target.containers(promoted.name).values()))["Image"]
    target.docker("run", "--detach", "--name", "foreign", "--publish", f"{port}:8000", image)
    yield port
    target.docker("rm", "--force", "foreign")


def test_port_taken_by_a_container(promoted: Application, foreign_container: int) -> None:
    reason = refused(promoted, env="staging", version="1.0.3", deploy_port=foreign_container)
    assert re.search(rf"Port {foreign_container} .* is taken by container foreign: stop that", reason), reason


def test_port_of_the_other_environment(promoted: Application) -> None:
    reason = refused(promoted, env="staging", version="1.0.3", deploy_port=8080)
    assert re.search(rf"Port 8080 .* is taken by container {promoted.name}-production-", reason), reason


def test_production_without_staging(promoted: Application) -> None:
    reason = refused(promoted, env="production", version="1.0.14")
    expected = r"1\.0\.14 was never verified in staging.*: run .*deploy\.yml -e env=staging -e version=1\.0\.14"
    assert re.search(expected, reason), reason


def test_production_without_approval(promoted: Application) -> None:
    reason = refused(promoted, env="production")
    expected = r"1\.0\.2 .* is not approved for production: run ansible-playbook approve\.yml -e version=1\.0\.2"
    assert re.search(expected, reason), reason


def approve(promoted: Application, build: int, expires: str, **bound: str) -> None:
    """Write an approval into production's ledger, as only the ledger's own module can."""
    digests = {entry["version"]: entry["digest"] for entry in promoted.ledger("staging") if "digest" in entry}
    fields = {
        "environment": "production",
        "version": f"1.0.{build}",
        "digest": digests[f"1.0.{build}"],
        "commit": "",
        "approved_by": APPROVER,
        "expires": expires,
        **bound,
    }
    promoted.append("production", "approved", fields)


def test_production_with_an_expired_approval(promoted: Application) -> None:
    with promoted.ledger_restored("production"):
        approve(promoted, NEWER, "2026-01-01T00:00:00Z")
        reason = refused(promoted, env="production")
    expected = r"1\.0\.2 needs a new approval, because the approval by alice .* expired at 2026-01-01.*: run .*approve"
    assert re.search(expected, reason), reason


def test_production_with_an_approval_for_another_digest(promoted: Application) -> None:
    with promoted.ledger_restored("production"):
        (live,) = [entry for entry in promoted.ledger("production") if entry["event"] == "deployed"][-1:]
        approve(promoted, LIVE, "2099-01-01T00:00:00Z", config=live["config"], front=live["front"])
        reason = refused(promoted, env="production")
    expected = r"1\.0\.2 .* is not approved .*there is one for another digest.* valid until 2099.*: run .*approve"
    assert re.search(expected, reason), reason


def test_production_with_an_approval_that_says_no_configuration(promoted: Application) -> None:
    """As those of earlier versions."""
    with promoted.ledger_restored("production"):
        approve(promoted, NEWER, "2099-01-01T00:00:00Z")
        reason = refused(promoted, env="production")
    expected = r"1\.0\.2 needs a new approval, because the approval by alice .* does not say for which configuration"
    assert re.search(expected, reason), reason


def test_approval_that_was_used_up(promoted: Application) -> None:
    reason = refused(promoted, env="production", version="1.0.1", deploy_env={"APP_ENVIRONMENT": "changed"})
    assert re.search(r"1\.0\.1 needs a new approval, because .* was used up by entry \d+: run", reason), reason


def test_approval_by_somebody_else(promoted: Application) -> None:
    reason = refused(promoted, "approve", approved_by="mallory")
    assert re.search(r"mallory may not approve .*approvers are alice \(release_approvers in", reason), reason


def test_approval_of_what_staging_has_not_verified(promoted: Application) -> None:
    reason = refused(promoted, "approve", version="1.0.14", approved_by=APPROVER)
    assert re.search(r"1\.0\.14 was never verified in staging.*run ansible-playbook deploy\.yml", reason), reason


def test_rollback_to_what_was_never_verified(promoted: Application) -> None:
    reason = refused(promoted, "rollback", env="staging", version="1.0.99")
    assert re.search(r"1\.0\.99 was never verified here; verified: 1\.0\.2", reason), reason


def test_rollback_without_an_earlier_release(promoted: Application) -> None:
    reason = refused(promoted, "rollback", env="production")
    assert re.search(r"(?i)no verified release comes before 1\.0\.1", reason), reason


def flipped(content: bytes) -> bytes:
    """The same with one bit of its second line changed."""
    place = content.index(b"\n") + 200
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("verb", ["deploy", "rollback", "approve"])
def test_ledger_with_a_changed_byte(promoted: Application, target: Target, verb: str) -> None:
    with promoted.ledger_restored("staging") as before:
        target.write(promoted.ledger_path("staging"), flipped(before))
        variables = {} if verb == "approve" else {"env": "staging"}
        reason = refused(promoted, verb, **variables)
    assert f"{promoted.ledger_path('staging')} line 2: the hash does not match its content" in reason


def test_ledger_with_a_torn_line(promoted: Application, target: Target) -> None:
    with promoted.ledger_restored("staging") as before:
        target.write(promoted.ledger_path("staging"), before[:-20])
        reason = refused(promoted, env="staging", version="1.0.3")
    lines = before.count(b"\n")
    assert f"{promoted.ledger_path('staging')} line {lines}: the line is torn" in reason
    assert re.search(r"restore that file from a backup", reason), f"it does not say what to do: {reason}"


def test_lock_is_one_runs_alone(promoted: Application) -> None:
    """Two runs at once: one deploys, the other says who does."""
    recorded = len(promoted.ledger("staging"))
    started = [promoted.start("deploy", env="staging", version="1.0.1") for _ in range(2)]
    ended = sorted((process.end() for process in started), key=lambda found: found.code)
    assert ended[0].code == 0, ended[0].output
    expected = r"staging is being deployed already: the lock is held by \S+ on \S+ \(run [\da-f-]+\).*-e lock_wait=300"
    assert re.search(expected, ended[1].reason), ended[1].output
    assert promoted.events("staging")[recorded:] == ["deployed"]
    assert promoted.answer("staging")["version"] == "1.0.1"


def test_waiting_for_the_lock_does_not_count_as_work(promoted: Application, target: Target) -> None:
    """A step may take less long than it waits here."""
    path = f"{promoted.home('staging')}/lock.json"
    ends = time.time() + 20
    held = {"owner": "bob", "host": "elsewhere", "run_id": "another", "lease_seconds": 20}
    times = {"started": stamp(ends - 20), "expires": stamp(ends)}
    target.write(path, json.dumps({**held, **times}).encode())
    run = promoted.run(
        "deploy",
        env="staging",
        version=promoted.live("staging"),
        lock_wait=60,
        environ={"ANSIBLE_TASK_TIMEOUT": "8"},
    )
    assert run.code == 0, run.output
    assert time.time() > ends


def stamp(seconds: float) -> str:
    """A time as locks have it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
