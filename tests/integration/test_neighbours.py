"""Containers on one VM that do not belong together do not reach each other, whichever environment they are of."""

from __future__ import annotations

from tests.integration.application import Application

PORT = 8000
TRY = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"


def address(container: dict) -> str:
    """The address of a container in its environment's network."""
    (network,) = container["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def test_a_slot_is_reached_by_the_vm_and_by_no_other_container(promoted: Application) -> None:
    staging, production = (promoted.live_container(env) for env in ("staging", "production"))
    (standby,) = (it for it in promoted.containers("staging").values() if it["Id"] != staging["Id"])
    target = promoted.target
    assert standby["State"]["Running"]

    def reached(place: list[str], container: dict) -> bool:
        script = f"{' '.join(place)} python -c '{TRY}' {address(container)} {PORT} 2>/dev/null && echo reached || :"
        return target.run("sh", "-c", script).strip() == "reached"

    neighbour = ["docker", "run", "--rm", "--entrypoint", "", staging["Image"]]
    assert reached(["docker", "exec", staging["Id"]], staging), "it reaches itself"
    assert not reached(["docker", "exec", production["Id"]], staging), "the other environment"
    assert not reached(["docker", "exec", standby["Id"]], staging), "the other slot"
    assert not reached(neighbour, staging), "a container of somebody else's"
    assert target.run("python3", "-c", TRY, address(staging), str(PORT)) == "", "the VM, where the proxy is"


def test_a_container_has_limits_that_nobody_asked_for(promoted: Application) -> None:
    container = promoted.live_container("production")
    inside = "ulimit -c; df -m /tmp | tail -1 | tr -s ' ' | cut -d' ' -f2"
    limits = promoted.target.docker("exec", container["Id"], "sh", "-c", inside).split()
    assert limits == ["0", "256"]
    assert container["HostConfig"]["Memory"] == 1024**3
