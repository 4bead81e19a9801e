"""What the proxy and the strategies accept: pure checks of variables, each problem one sentence."""

from __future__ import annotations

import ipaddress
import re
import ssl
import tempfile
from typing import Any, Mapping, Sequence

DEFAULT_STRATEGY = "blue_green"
DEFAULT_PORT = 8080
BEHIND_PROXY = ("blue_green", "canary")
# As in the defaults of the role deploy.
DEFAULT_BAKE, DEFAULT_DEADLINE = 60, 600
DECISIONS = ("pause", "promote", "abort")
HIGHEST_PORT = 65535
_SERIAL = re.compile(r"([1-9][0-9]?|100)%|[1-9][0-9]*")
# What HAProxy takes, and below which its own needs or those of usual requests are not met.
SMALLEST_BUFFER, LARGEST_BUFFER, MOST_HEADERS = 16384, 1048576, 32767
DEFAULT_MAXCONN = 4000
_MEMORY = re.compile(r"[0-9]+[bkmgBKMG]?")
NOT_NEGATIVE = (
    "deploy_soak_seconds",
    "deploy_drain_timeout",
    "deploy_warm_standby",
    "deploy_canary_bake_seconds",
    "proxy_client_connections",
    "proxy_client_connection_rate",
    "proxy_client_requests",
    "proxy_client_request_rate",
    "proxy_hsts_seconds",
)
_CANARY_KEY = re.compile(r"[A-Za-z0-9_-]{16,}")
# As in the defaults of the role proxy.
SLOT_DISTANCE = {"proxy_blue_port": 10000, "proxy_green_port": 20000}


def ports(values: Mapping[str, Any]) -> dict[str, int]:
    """The ports that an environment takes on its VM, by the variable each comes from.

    :param values: the variables that are set; the others have their defaults.
    """
    public = int(values.get("deploy_port", DEFAULT_PORT))
    taken = {"deploy_port": public}
    if values.get("deploy_strategy", DEFAULT_STRATEGY) not in BEHIND_PROXY:
        return taken
    for name, distance in SLOT_DISTANCE.items():
        taken[name] = int(values.get(name, public + distance))
    if int(values.get("proxy_redirect_port", 0)):
        taken["proxy_redirect_port"] = int(values["proxy_redirect_port"])
    return taken


def port_problems(values: Mapping[str, Any]) -> list[str]:
    """That ports are none, or that two are the same."""
    taken = ports(values)
    problems = []
    for name, number in taken.items():
        if not 1 <= number <= HIGHEST_PORT:
            where = "" if name in values else f", which is deploy_port + {SLOT_DISTANCE[name]} unless you set it"
            problems.append(f"{name} is {number}{where}, and a port is between 1 and {HIGHEST_PORT}")
    names = list(taken)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            if taken[name] == taken[other]:
                problems.append(f"{name} and {other} are both {taken[name]}: give each a port of its own")
    return problems


def shared_vm_problems(environments: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    """That two environments on one VM want the same port.

    :param environments: name, address of the VM, and variables of each host.
    """
    problems = []
    for index, (name, vm, values) in enumerate(environments):
        for other, other_vm, other_values in environments[index + 1 :]:
            if vm != other_vm or name == other:
                continue
            mine, theirs = ports(values), ports(other_values)
            for variable, number in mine.items():
                for other_variable, other_number in theirs.items():
                    if number == other_number:
                        problems.append(
                            f"{variable} of {name} and {other_variable} of {other} are both {number} on one VM: "
                            "give each a port of its own"
                        )
    return problems


def certificate_problems(values: Mapping[str, Any]) -> list[str]:
    """That the certificate is none, or is another key's."""
    pem = str(values.get("proxy_tls_certificate") or "")
    redirect = int(values.get("proxy_redirect_port", 0))
    if not pem:
        missing = "proxy_redirect_port sends people to HTTPS, and proxy_tls_certificate is empty: set it as well"
        return [missing] if redirect else []
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(pem)
        file.flush()
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file.name)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                return ["proxy_tls_certificate holds a certificate and a private key that do not belong together"]
            return ["proxy_tls_certificate is no certificate with its private key in PEM, the certificate first"]
    return []


def network_problems(values: Mapping[str, Any]) -> list[str]:
    """That a network whose proxies are trusted is none."""
    found = []
    for network in values.get("proxy_trusted_networks") or []:
        try:
            ipaddress.ip_network(str(network), strict=False)
        except ValueError:
            found.append(f"proxy_trusted_networks has {str(network)!r}: give networks as CIDR, such as 10.0.0.0/8")
    return found


def limit_problems(values: Mapping[str, Any]) -> list[str]:
    """That a limit of the proxy is none, or lets one client take everything."""
    found = []
    buffer, headers = int(values.get("proxy_buffer_size", SMALLEST_BUFFER)), int(values.get("proxy_max_headers", 101))
    if not SMALLEST_BUFFER <= buffer <= LARGEST_BUFFER:
        found.append(f"proxy_buffer_size is {buffer}: give bytes from {SMALLEST_BUFFER} to {LARGEST_BUFFER}")
    if not 1 <= headers <= MOST_HEADERS:
        found.append(f"proxy_max_headers is {headers}: give a number from 1 to {MOST_HEADERS}")
    for name in ("proxy_maxconn", "proxy_request_timeout", "proxy_pids_limit"):
        if int(values.get(name, 1)) < 1:
            found.append(f"{name} is {values[name]}, and has to be 1 or more")
    memory = str(values.get("proxy_memory", "0"))
    if not _MEMORY.fullmatch(memory):
        found.append(f"proxy_memory is {memory!r}: give a number and a unit, such as 512m, or 0")
    everything = int(values.get("proxy_maxconn", DEFAULT_MAXCONN))
    own = int(values.get("proxy_client_connections", 0))
    if own >= everything:
        found.append(
            f"proxy_client_connections is {own}, with which one client can take all {everything} connections of "
            "proxy_maxconn: make it smaller, or 0 to let it on purpose"
        )
    if int(values.get("proxy_hsts_seconds", 0)) and not values.get("proxy_tls_certificate"):
        found.append(
            "proxy_hsts_seconds tells browsers to insist on HTTPS, and proxy_tls_certificate is empty: set it as well"
        )
    return found


def canary_key_problems(values: Mapping[str, Any]) -> list[str]:
    """That the word for a candidate is easily guessed, or no header and cookie can carry it."""
    key = str(values.get("deploy_canary_key") or "")
    if not key or _CANARY_KEY.fullmatch(key):
        return []
    return [
        "deploy_canary_key has to be at least 16 letters, digits, - and _, as a cookie carries it: for instance what "
        "'openssl rand -hex 16' prints"
    ]


def canary_problems(values: Mapping[str, Any]) -> list[str]:
    """That the steps of a canary do not rise from something to less than everything."""
    steps = values.get("deploy_canary_steps")
    if steps is None:
        return []
    numbers = [int(step) for step in steps]
    if 100 in numbers:
        return [
            f"deploy_canary_steps is {numbers}, and beside 100 % nothing is left of the live release to compare with: "
            "leave 100 out, as the cut-over follows the last share by itself"
        ]
    if not numbers or any(not 0 < number < 100 for number in numbers):
        return [f"deploy_canary_steps is {numbers}: give shares of the traffic in per cent, from 1 to 99"]
    if sorted(set(numbers)) != numbers:
        return [f"deploy_canary_steps is {numbers}, and each share has to be larger than the one before it"]
    return []


def canary_time_problems(values: Mapping[str, Any]) -> list[str]:
    """That the times and numbers of a canary's step contradict each other."""
    bake = int(values.get("deploy_canary_bake_seconds", DEFAULT_BAKE))
    deadline = int(values.get("deploy_canary_deadline", DEFAULT_DEADLINE))
    found = []
    if deadline < max(1, bake):
        found.append(f"deploy_canary_deadline is {deadline} s, and each share lasts {bake} s at least: make it longer")
    if int(values.get("deploy_canary_min_requests", 1)) < 1:
        found.append("deploy_canary_min_requests has to be at least 1, since no verdict rests on nothing")
    return found


def decision_problems(canary: str, weight: Any, values: Mapping[str, Any]) -> list[str]:
    """Why ``-e canary=…`` cannot be followed."""
    strategy = values.get("deploy_strategy", DEFAULT_STRATEGY)
    problems = []
    if canary and canary not in DECISIONS:
        problems.append(f"canary is {canary!r}: give -e canary={', -e canary='.join(DECISIONS)}, or nothing")
    elif canary and strategy != "canary":
        problems.append(f"-e canary={canary} needs deploy_strategy: canary, and it is {strategy}")
    text = str(weight)
    if not text.isdigit() or int(text) > 100:
        problems.append(f"canary_weight is {text!r}: give a share of the traffic in per cent, from 0 to 100")
    elif int(text) and canary != "pause":
        problems.append("canary_weight is the share of a candidate that waits: give it with -e canary=pause")
    return problems


def strategy_problems(values: Mapping[str, Any]) -> list[str]:
    """What a strategy cannot do."""
    proxied = values.get("deploy_strategy", DEFAULT_STRATEGY) in BEHIND_PROXY
    problems = []
    if proxied and any(network.get("aliases") for network in values.get("deploy_networks") or []):
        problems.append(
            "deploy_networks has aliases, by which other containers would reach a candidate that is not proven yet: "
            "leave them out, or use deploy_strategy: recreate"
        )
    serial = str(values.get("deploy_serial", "100%"))
    if not _SERIAL.fullmatch(serial):
        problems.append(f"deploy_serial is {serial!r}: give a number of hosts from 1, or a share from 1% to 100%")
    elif not proxied and serial != "100%":
        problems.append("deploy_serial needs a strategy with a proxy, blue_green or canary, to go back to")
    return problems


def problems(values: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that cannot work."""
    checks = (
        port_problems,
        certificate_problems,
        network_problems,
        limit_problems,
        canary_key_problems,
        canary_problems,
        canary_time_problems,
        strategy_problems,
    )
    found = [problem for check in checks for problem in check(values)]
    for name in NOT_NEGATIVE:
        if name in values and int(values[name]) < 0:
            found.append(f"{name} is {values[name]}, and has to be 0 or more")
    return found
