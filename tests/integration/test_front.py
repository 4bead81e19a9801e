"""What the proxy does for an application: TLS, headers, WebSockets, the maintenance page; and what it refuses."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import secrets
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.application import Application
from tests.integration.authority import Authority
from tests.integration.target import Target
from tests.integration.test_check_mode import checked

OLD, NEW = "1.0.1", "1.0.2"
PORT, REDIRECT_PORT, UNUSED_PORT, OTHER_REDIRECT_PORT = 8443, 8444, 8445, 8446
PAUSE_SECONDS = 0.02


@dataclass
class Secured:
    """An application whose public port speaks TLS.

    :param authority: the one that its certificate comes from.
    """

    application: Application
    authority: Authority

    def connection(self, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        """A connection to the public port."""
        address = self.application.address
        return http.client.HTTPSConnection(address, PORT, timeout=10, context=context or self.authority.context())

    def get(self, path: str = "/version", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of an answer, over a connection of its own."""
        connection = self.connection()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def version(self, **headers: str) -> str:
        """Which release answers."""
        return str(json.loads(self.get("/version", **headers)[2])["version"])

    def serial_number(self) -> str:
        """Which certificate is shown."""
        connection = self.connection()
        try:
            connection.connect()
            return str(connection.sock.getpeercert()["serialNumber"])  # type: ignore[attr-defined]
        finally:
            connection.close()

    def logged(self, request_id: str) -> dict[str, Any]:
        """The line in the application's log about a request."""
        container = self.application.live_container("staging")["Id"]
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.application.target.docker("logs", "--tail", "50", container).splitlines():
                if f'"{request_id}"' in line:
                    return dict(json.loads(line))
            time.sleep(0.1)
        raise AssertionError(f"the request {request_id} is not in the log")


class Visitors:
    """Two clients that ask over and over, one on a connection of its own each time, one on a kept one."""

    def __init__(self, secured: Secured) -> None:
        self._secured = secured
        self._over = threading.Event()
        self.troubles: list[str] = []
        self.answers = 0
        self._threads = [threading.Thread(target=self._ask, args=(kept,), daemon=True) for kept in (True, False)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, kept: bool) -> None:
        connection = self._secured.connection()
        while not self._over.wait(PAUSE_SECONDS):
            try:
                connection.request("GET", "/version", headers={} if kept else {"Connection": "close"})
                answer = connection.getresponse()
                answer.read()
                self.answers += 1
                if answer.status != http.HTTPStatus.OK:
                    self.troubles.append(f"status {answer.status}")
                # http.client connects again by itself, which is what a client does that was told of the end.
            except (OSError, http.client.HTTPException) as error:
                self.troubles.append(repr(error))
                connection.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority").make()


@pytest.fixture(scope="module")
def secured(target: Target, image: str, authority: Authority) -> Iterator[Secured]:
    """An application with TLS and a port that redirects, which serves OLD."""
    address = target.address
    variables = {
        "release_image": image,
        "deploy_health_passes": 1,
        "deploy_health_interval": 0.1,
        "deploy_soak_seconds": 0,
        "deploy_port": PORT,
        "deploy_public_url": f"https://{address}:{PORT}",
        "deploy_public_ca_file": str(authority.certificate_file),
        "proxy_redirect_port": REDIRECT_PORT,
        "proxy_tls_certificate": authority.issue(address),
    }
    ports = {"staging": PORT, "production": UNUSED_PORT}
    made = Secured(Application(f"f{secrets.token_hex(3)}", target, variables, address, ports), authority)
    try:
        deploy(made, OLD)
        yield made
    finally:
        target.forget(made.application.name)


@pytest.fixture
def old(secured: Secured) -> Secured:
    """It serves OLD, as it does at first."""
    if secured.application.live("staging") != OLD:
        deploy(secured, OLD)
    return secured


def deploy(secured: Secured, version: str, **variables: Any) -> None:
    """Deploy a version that has to arrive."""
    run = secured.application.run("deploy", env="staging", version=version, **variables)
    assert run.code == 0, run.output
    assert secured.application.live("staging") == version


@contextmanager
def listening(target: Target, port: int) -> Iterator[None]:
    """A process of the VM that has nothing to do with us listens on a loopback port."""
    script = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(flush=True); input()"
    command = ["docker", "exec", "--interactive", target.machine, "python3", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.write(b"\n")


def test_tls_with_a_certificate_that_the_controller_verifies(old: Secured) -> None:
    assert old.version() == OLD


def test_a_certificate_that_the_controller_does_not_trust_is_no_success(old: Secured, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger").make()
    run = old.application.run(
        "deploy",
        env="staging",
        version=NEW,
        deploy_public_ca_file=str(stranger.certificate_file),
        deploy_health_deadline=4,
    )
    assert run.code != 0
    assert f"{NEW} was not deployed to staging" in run.output
    assert "certificate" in run.output
    assert old.version() == OLD


def test_plain_http_is_sent_on_with_path_and_query(old: Secured) -> None:
    connection = http.client.HTTPConnection(old.application.address, REDIRECT_PORT, timeout=10)
    connection.request("POST", "/slow?s=0&x=%20y", body=b"kept", headers={"Host": f"example.com:{REDIRECT_PORT}"})
    answer = connection.getresponse()
    assert answer.status == http.HTTPStatus.PERMANENT_REDIRECT
    assert answer.headers["Location"] == f"https://example.com:{PORT}/slow?s=0&x=%20y"
    connection.close()


def test_another_certificate_comes_with_a_deployment_and_nobody_notices(old: Secured) -> None:
    before, running = old.serial_number(), old.application.live_container("staging")["State"]["StartedAt"]
    old.application.variables["proxy_tls_certificate"] = old.authority.issue(old.application.address)
    with Visitors(old) as visitors:
        deploy(old, OLD)
    assert visitors.troubles == []
    assert visitors.answers > 0
    assert old.serial_number() != before
    assert old.application.live_container("staging")["State"]["StartedAt"] == running


def test_a_request_has_an_id(old: Secured) -> None:
    given = f"test-{secrets.token_hex(4)}"
    assert old.get(**{"X-Request-ID": given})[1].get_all("X-Request-ID") == [given]
    assert old.logged(given)["path"] == "/version"
    for unusable in ({}, {"X-Request-ID": "two words"}, {"X-Request-ID": ""}):
        (made,) = old.get(**unusable)[1].get_all("X-Request-ID", [])
        assert len(made) == len("01234567-89ab-cdef-0123-456789abcdef")
        assert old.logged(made)["status"] == http.HTTPStatus.OK


def test_nobody_says_who_he_is_but_a_trusted_proxy(old: Secured) -> None:
    claimed = {"X-Forwarded-For": "192.0.2.1, 203.0.113.7", "X-Forwarded-Host": "example.com"}

    def client() -> str:
        given = f"test-{secrets.token_hex(4)}"
        assert old.get(**claimed, **{"X-Request-ID": given})[0] == http.HTTPStatus.OK
        return str(old.logged(given)["client"])

    me = client()
    # The lab's bridge, by which this machine reaches the VM.
    assert me == f"{old.application.address.rpartition('.')[0]}.1"
    deploy(old, OLD, proxy_trusted_networks=[f"{me}/32"])
    assert client() == "203.0.113.7"
    deploy(old, OLD, proxy_trusted_networks=["198.51.100.0/24"])
    assert client() == me


def test_a_websocket_goes_through(old: Secured) -> None:
    async def talk() -> tuple[str, str]:
        url = f"https://{old.application.address}:{PORT}/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, ssl=old.authority.context()) as socket:
            first = json.loads((await socket.receive(timeout=10)).data)
            await socket.send_str("hello")
            return str(first["version"]), str((await socket.receive(timeout=10)).data)

    assert asyncio.run(talk()) == (OLD, "hello")


def test_only_a_candidate_is_reached_by_asking_for_one(old: Secured) -> None:
    assert old.version(**{"X-Canary": "always"}) == OLD
    run = old.application.run("deploy", env="staging", version=NEW, deploy_strategy="canary", canary="pause")
    assert run.code == 0, run.output
    try:
        assert old.version() == OLD
        assert old.version(**{"X-Canary": "always"}) == NEW
        assert old.version(Cookie="X-Canary=always") == NEW
    finally:
        ended = old.application.run("deploy", env="staging", deploy_strategy="canary", canary="abort")
    assert ended.code == 0, ended.output
    assert old.version(**{"X-Canary": "always"}) == OLD


def test_a_deployment_works_behind_the_maintenance_page(old: Secured) -> None:
    on = old.application.run("maintenance", env="staging", state="on")
    assert on.code == 0, on.output
    try:
        status, headers, _ = old.get("/")
        assert status == http.HTTPStatus.SERVICE_UNAVAILABLE
        assert headers["Retry-After"] == "120"
        deploy(old, NEW)
        assert old.get("/")[0] == http.HTTPStatus.SERVICE_UNAVAILABLE
        # The word by which the health check gets past it is a secret of the VM.
        assert old.get("/", **{"X-Slipway-Bypass": "1"})[0] == http.HTTPStatus.SERVICE_UNAVAILABLE
    finally:
        off = old.application.run("maintenance", env="staging", state="off")
    assert off.code == 0, off.output
    assert old.version() == NEW


def test_a_certificate_that_is_another_keys_is_refused(old: Secured) -> None:
    certificate, other = (old.authority.issue(old.application.address) for _ in range(2))
    begin = "-----BEGIN PRIVATE KEY-----"
    mixed = certificate.partition(begin)[0] + begin + other.partition(begin)[2]
    with old.application.untouched():
        run = old.application.run("deploy", env="staging", version=NEW, proxy_tls_certificate=mixed)
    assert run.reason == "proxy_tls_certificate holds a certificate and a private key that do not belong together."
    assert {event["phase"] for event in run.events} <= {"validate"}


def test_a_slot_port_that_is_taken_by_another_process_is_refused(old: Secured) -> None:
    live = old.application.ledger("staging")
    slot = next(entry["slot"] for entry in reversed(live) if entry["event"] == "deployed")
    free = {"blue": "green", "green": "blue"}[slot]
    port = 18999
    with listening(old.application.target, port), old.application.untouched():
        run = old.application.run("deploy", env="staging", version=NEW, **{f"proxy_{free}_port": port})
    assert f"Port {port} " in run.reason
    assert "is taken by python3" in run.reason
    assert f"proxy_{free}_port" in run.reason


def test_a_check_shows_how_the_weights_move(old: Secured) -> None:
    run = checked(old.application, "deploy", env="staging", version=NEW)
    assert run.code == 0, run.output
    moved = re.findall(r"^([-+]) +server (\w+) \S+ weight (\d+)$", run.output, re.MULTILINE)
    live = next(slot for sign, slot, weight in moved if (sign, weight) == ("-", "100"))
    free = {"blue": "green", "green": "blue"}[live]
    assert sorted(moved) == sorted([("-", live, "100"), ("+", live, "0"), ("-", free, "0"), ("+", free, "100")])
    assert old.version() == OLD


@dataclass(frozen=True)
class Asked:
    """Other settings of the proxy, and what a run that asks for them writes.

    :param files: by path the content of each file.
    """

    variables: dict[str, Any]
    serial_number: str
    files: dict[str, bytes]


def certificates(secured: Secured) -> list[str]:
    """The certificates on the VM."""
    folder = f"{secured.application.home('staging')}/proxy"
    return secured.application.target.run("find", folder, "-name", "tls*").split()


@pytest.fixture(scope="module")
def asked(secured: Secured) -> Asked:
    """Another certificate and another port that redirects, for which HAProxy has to reload."""
    application = secured.application
    certificate = secured.authority.issue(application.address)
    variables = {"proxy_tls_certificate": certificate, "proxy_redirect_port": OTHER_REDIRECT_PORT}
    deploy(secured, OLD, **variables)
    paths = [f"{application.home('staging')}/proxy/haproxy.cfg", *certificates(secured)]
    made = Asked(variables, secured.serial_number(), {path: application.target.read(path) for path in paths})
    deploy(secured, OLD)
    assert secured.serial_number() != made.serial_number
    return made


@pytest.fixture
def unloaded(old: Secured, asked: Asked) -> Secured:
    """A run that asked for them was killed after its files were in place, before HAProxy was told to reload."""
    deploy(old, OLD)
    for path, content in asked.files.items():
        old.application.target.write(path, content)
    assert old.serial_number() != asked.serial_number
    return old


def redirects(secured: Secured, port: int) -> bool:
    """Whether plain HTTP is answered on a port."""
    connection = http.client.HTTPConnection(secured.application.address, port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": "example.com"})
        return connection.getresponse().status == http.HTTPStatus.PERMANENT_REDIRECT
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def test_what_a_killed_run_has_not_let_haproxy_load_is_told(unloaded: Secured, asked: Asked) -> None:
    run = unloaded.application.run("status")
    assert run.reason.endswith(f"the front is not what {OLD} was deployed with: written otherwise for its next start.")
    check = checked(unloaded.application, "deploy", env="staging", version=OLD, **asked.variables)
    assert "would first put the front back that the live release was deployed with" in check.output
    assert "is live with this configuration already, and will get another front" in check.output


def test_what_a_killed_run_has_not_let_haproxy_load_is_loaded_by_the_next_one(unloaded: Secured, asked: Asked) -> None:
    deploy(unloaded, OLD, **asked.variables)
    assert unloaded.serial_number() == asked.serial_number
    assert redirects(unloaded, OTHER_REDIRECT_PORT)
    assert not redirects(unloaded, REDIRECT_PORT)
    assert unloaded.application.run("deploy", env="staging", version=OLD, **asked.variables).changed == 0


def test_what_a_killed_run_has_not_let_haproxy_load_need_not_be_asked_for_again(
    unloaded: Secured, asked: Asked
) -> None:
    """Its port is still held by HAProxy alone, although another one is written."""
    deploy(unloaded, NEW)
    assert unloaded.serial_number() != asked.serial_number
    assert len(certificates(unloaded)) == 1
    assert redirects(unloaded, REDIRECT_PORT)
    assert not redirects(unloaded, OTHER_REDIRECT_PORT)
