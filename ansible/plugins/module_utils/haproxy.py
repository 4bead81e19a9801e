"""A client of HAProxy's runtime API: which slot gets traffic, and what each slot has to do.

Protocol: https://docs.haproxy.org/2.6/management.html#9.3 (commands as text over the stats socket, several in one
line with semicolons, the answer until the socket is closed). Backends and servers are those that the role ``proxy``
renders: ``app`` with the servers of the slots, ``candidate`` with the same for people who ask for the candidate,
``maintenance`` with the server ``switch``. A slot has two servers with one address, ``blue`` for HTTP/1.1 and
``blue-h2`` for HTTP/2, since HAProxy cannot be told to speak another protocol with one: the other one is disabled.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping

from ansible_collections.slipway.core.plugins.module_utils import haproxy_clients, haproxy_stats, labels
from ansible_collections.slipway.core.plugins.module_utils.crowd import Tally

SLOTS = labels.BEHIND_PROXY
APP, CANDIDATE, MAINTENANCE = "app", "candidate", "maintenance"
SWITCH = f"{MAINTENANCE}/switch"
FULL = 100
RUNNING = "2"
PROTOCOLS = (labels.HTTP1, labels.H2)


class ProxyError(Exception):
    """HAProxy cannot be asked, or refused a command."""


@dataclass(frozen=True)
class Routes:
    """Where HAProxy sends requests.

    :param weights: by slot its share of the traffic, 0 to 100.
    :param asked: the slot that people reach by asking for the candidate; empty for none.
    :param maintenance: whether everybody gets the maintenance page.
    :param addresses: by slot the ``address:port`` that its requests are sent to; a slot that is left out keeps its own.
    :param protocols: by slot what its container speaks; a slot that is left out keeps its own.
    """

    weights: Mapping[str, int]
    asked: str = ""
    maintenance: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict, compare=False)
    protocols: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def described(self) -> str:
        """For people: ``blue 100 %``."""
        shares = [f"{slot} {weight} %" for slot, weight in self.weights.items() if weight]
        return ", ".join(shares) or "no slot"

    def misses(self, wanted: Routes) -> list[str]:
        """The slots whose requests go to another address than ``wanted`` says."""
        return [slot for slot, address in wanted.addresses.items() if self.addresses.get(slot, address) != address]

    def misunderstood(self, wanted: Routes) -> list[str]:
        """The slots whose requests are sent in another protocol than ``wanted`` says."""
        return [slot for slot, spoken in wanted.protocols.items() if self.protocols.get(slot, spoken) != spoken]


def all_to(slot: str) -> dict[str, int]:
    """The weights with which one slot gets everything; an empty name gives no slot anything."""
    return {name: FULL if name == slot else 0 for name in SLOTS}


def server(slot: str, protocol: str) -> str:
    """The server of a slot that speaks a protocol."""
    return slot if protocol == labels.HTTP1 else f"{slot}-{protocol}"


_SERVERS = {server(slot, protocol): (slot, protocol) for slot in SLOTS for protocol in PROTOCOLS}


def _address(row: Mapping[str, str]) -> str:
    return f"{row['srv_addr']}:{row['srv_port']}"


def shared(live: str, candidate: str, weight: int) -> dict[str, int]:
    """The weights with which a candidate gets its share, and the live slot, if there is one, the rest."""
    rest = {live: FULL - weight} if live else {}
    return {**all_to(""), **rest, candidate: weight}


class Proxy:
    """One running HAProxy.

    :param path: its admin socket.
    :param timeout: seconds that any one answer may take.
    """

    def __init__(self, path: str, timeout: float = 5.0) -> None:
        self._path = path
        self._timeout = timeout

    def ask(self, command: str) -> str:
        """The answer to one command, or to several with semicolons between them.

        :raises ProxyError: there is no answer.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._timeout)
                connection.connect(self._path)
                connection.sendall(command.encode("ascii") + b"\n")
                parts: list[bytes] = []
                while True:
                    part = connection.recv(65536)
                    if not part:
                        return b"".join(parts).decode("utf-8", "replace")
                    parts.append(part)
        except OSError as error:
            raise ProxyError(f"HAProxy does not answer on {self._path}: {error.strerror or error}") from error

    def tell(self, *commands: str) -> None:
        """Give commands that answer nothing when they have worked.

        :raises ProxyError: one was refused; the message is HAProxy's.
        """
        answer = self.ask("; ".join(commands)).strip()
        if answer:
            raise ProxyError(f"HAProxy refuses {commands[0]!r}: {' '.join(answer.split())}")

    def pid(self) -> int:
        """The process id of the worker that answers, as HAProxy sees it."""
        told = self._info()
        if "Pid" not in told:
            raise ProxyError("HAProxy does not tell its process id")
        return int(told["Pid"])

    def uptime(self) -> int:
        """Seconds since it was started, or loaded anew.

        :raises ProxyError: there is no answer.
        """
        return int(self._info().get("Uptime_sec", 0))

    def settings(self) -> str:
        """Which settings it runs with: the ``description`` that it has read; empty for none that are named."""
        return self._info().get("description", "")

    def _info(self) -> dict[str, str]:
        pairs = (line.partition(": ") for line in self.ask("show info").splitlines())
        return {name: value.strip() for name, _, value in pairs}

    def routes(self) -> Routes:
        """Where requests go now."""
        return self._routes(self._servers())

    @staticmethod
    def _routes(servers: Mapping[tuple[str, str], Mapping[str, str]]) -> Routes:
        weights = dict.fromkeys(SLOTS, 0)
        addresses: dict[str, str] = {}
        protocols: dict[str, str] = {}
        asked, maintenance = "", False
        for (backend, name), row in servers.items():
            running = row["srv_op_state"] == RUNNING
            slot, protocol = _SERVERS.get(name, ("", ""))
            if backend == APP and slot:
                # The other server of a slot gets nothing, so that its address tells nothing.
                if running or slot not in addresses:
                    addresses[slot] = _address(row)
                if running:
                    weights[slot] = int(row["srv_uweight"])
                    protocols[slot] = protocol
            elif backend == CANDIDATE and running:
                asked = slot
            elif backend == MAINTENANCE:
                maintenance = running
        return Routes(weights, asked, maintenance, addresses, protocols)

    def _servers(self) -> dict[tuple[str, str], dict[str, str]]:
        """What HAProxy tells of each server, by the names of backend and server."""
        lines = self.ask("show servers state").splitlines()
        header = next((line[2:].split() for line in lines if line.startswith("# ")), [])
        rows = (dict(zip(header, line.split())) for line in lines)
        return {(row["be_name"], row["srv_name"]): row for row in rows if "srv_op_state" in row}

    def route(self, routes: Routes) -> None:
        """Send requests there from now on, without a reload: what gains comes before what loses.

        Requests that are being answered stay where they are.
        """
        self._point(routes.addresses)
        rows = self._servers()
        known = {name for backend, name in rows if backend == APP}
        spoken = {**dict.fromkeys(SLOTS, labels.HTTP1), **self._routes(rows).protocols, **routes.protocols}
        gaining = sorted(routes.weights.items(), key=lambda share: -share[1])
        ready = {server(slot, spoken[slot]): slot for slot, _ in gaining}
        missing = sorted(set(ready) - known)
        if missing:
            raise ProxyError(f"HAProxy has loaded no configuration with the server {APP}/{missing[0]}")
        servers = [(slot, name) for slot, _ in gaining for name in _names(slot) if name in known]
        named = [name for slot, name in servers if slot in routes.protocols or routes.weights[slot]]
        # What speaks the wrong protocol is off before it could get a share.
        commands = [f"set server {APP}/{name} state ready" for name in named if name in ready]
        commands += [f"set server {APP}/{name} state maint" for name in named if name not in ready]
        commands += [f"set server {APP}/{name} weight {routes.weights[slot]}" for slot, name in servers]
        commands += [
            f"set server {CANDIDATE}/{name} state {'ready' if slot == routes.asked and name in ready else 'maint'}"
            for slot, name in servers
            if (CANDIDATE, name) in rows
        ]
        commands.append(f"set server {SWITCH} state {'ready' if routes.maintenance else 'maint'}")
        self.tell(*commands)

    def _point(self, addresses: Mapping[str, str]) -> None:
        """Send the requests of these slots to these addresses.

        HAProxy answers this command with what it did, so that only asking again tells whether it worked.
        """
        elsewhere = self._elsewhere(addresses)
        for (backend, name), address in elsewhere.items():
            host, _, port = address.rpartition(":")
            answer = self.ask(f"set server {backend}/{name} addr {host} port {port}")
        if elsewhere and self._elsewhere(addresses):
            raise ProxyError(f"HAProxy does not send {', '.join(addresses)} elsewhere: {' '.join(answer.split())}")

    def _elsewhere(self, addresses: Mapping[str, str]) -> dict[tuple[str, str], str]:
        """The servers with another address than their slot is to have, both of a slot, each with that one."""
        wanted = {server(slot, protocol): at for slot, at in addresses.items() for protocol in PROTOCOLS}
        rows = self._servers() if addresses else {}
        return {
            (backend, name): wanted[name]
            for (backend, name), row in rows.items()
            if name in wanted and _address(row) != wanted[name]
        }

    def counters(self) -> dict[str, haproxy_stats.Counters]:
        """What each slot has been asked and has answered since HAProxy started.

        :raises ProxyError: HAProxy does not tell.
        """
        try:
            rows = haproxy_stats.parse(self.ask("show stat"))
            return {slot: haproxy_stats.together(rows, APP, _names(slot)) for slot in SLOTS}
        except ValueError as error:
            raise ProxyError(str(error)) from error

    def clients(self) -> dict[str, dict[str, Tally]]:
        """By slot what each client address got from it, of those that have asked for something lately."""
        return haproxy_clients.parse(self.ask(f"show table {haproxy_clients.TABLE}"), SLOTS)

    def sessions(self, slot: str) -> int:
        """Requests, streams and WebSockets that a slot is answering, those of people who asked for it included."""
        try:
            rows = haproxy_stats.parse(self.ask("show stat"))
            return sum(haproxy_stats.together(rows, backend, _names(slot)).sessions for backend in (APP, CANDIDATE))
        except ValueError as error:
            raise ProxyError(str(error)) from error


def _names(slot: str) -> list[str]:
    """The servers of a slot."""
    return [server(slot, protocol) for protocol in PROTOCOLS]


def wait_until(condition: Callable[[], Any], deadline: float, interval: float = 0.1) -> bool:
    """Ask until ``condition`` holds; returns whether it did within ``deadline`` seconds."""
    ends = time.monotonic() + deadline
    while not condition():
        if time.monotonic() >= ends:
            return False
        time.sleep(interval)
    return True
