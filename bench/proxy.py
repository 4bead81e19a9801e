"""What the proxy costs: ``python -m bench.proxy [--runs 5] [--seconds 5]``.

Deploys Debian's nginx with ``deploy.yml`` on the lab instance that SLIPWAY_LAB names (test), and lets ``wrk`` ask it
from the VM's own network: its container, the loopback port of its slot, and the public port that HAProxy has. Each is
asked in turn, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.__main__ import bring_up, machine
from bench.stage import Stage
from tests.lab import Lab, settings

NAME = "proxybench"
PUBLIC, BLUE = 8081, 18081
CONNECTIONS = 32
# The image of molecule/foreign_image, without a log of requests: it would fill the container's memory.
QUIET = "sed 's/access_log .*/access_log off;/' /etc/nginx/nginx.conf >/run/nginx.conf"
NGINX = {
    "deploy_command": ["sh", "-c", f"{QUIET} && exec nginx -c /run/nginx.conf -g 'daemon off; error_log stderr;'"],
    "deploy_container_port": 80,
    "deploy_user": "33:33",
    "deploy_capabilities": ["NET_BIND_SERVICE"],
    "deploy_tmpfs": ["/run:uid=33", "/var/lib/nginx:uid=33", "/var/log/nginx:uid=33"],
    "deploy_health_path": "/",
    "deploy_smoke_paths": [],
    "deploy_env": {},
    "deploy_version_source": "none",
    "deploy_soak_seconds": 0,
}
# Named as the lab's images are, so that they are removed together.
WRK = "slipway-lab/wrk"
RECIPE = "FROM {base}\nRUN apt-get update && apt-get install --yes --no-install-recommends wrk\n"
# A connection that is closed keeps its port for a minute, and a few seconds of wrk use all ports there are.
TIME_WAITS, FEW = "/proc/sys/net/ipv4/tcp_max_tw_buckets", "1000"
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
HEADER = f"{'':<34} {'requests/s':<28} {'p99':<30} {'HAProxy, CPU a request':<30} {'errors':>6}"


@dataclass(frozen=True)
class Measured:
    """One run of ``wrk``.

    :param rate: requests per second.
    :param p99: in seconds.
    :param cpu: of HAProxy for each request, in seconds.
    :param errors: requests without an answer, or with another status than 2xx and 3xx.
    """

    rate: float
    p99: float
    cpu: float
    errors: int


class Proxy:
    """HAProxy's worker in the first VM of a stage, and how much of the processors it has used."""

    def __init__(self, stage: Stage) -> None:
        self._machine = f"slipway-{stage.lab.instance}-{stage.lab.vms[0]}"
        label = f"label=io.slipway.app={stage.name}"
        name = stage.docker("ps", "--quiet", "--filter", label, "--filter", "label=io.slipway.slot=proxy")
        master = stage.docker("inspect", "--format", "{{.State.Pid}}", name)
        self._worker = self._run("pgrep", "--parent", master).split()[-1]
        self._tick = 1 / int(self._run("getconf", "CLK_TCK"))

    def seconds(self) -> float:
        """utime and stime of all its threads."""
        # The name in parentheses may hold spaces; what follows it begins with the third field.
        fields = self._run("cat", f"/proc/{self._worker}/stat").rpartition(")")[2].split()
        return (int(fields[14 - 3]) + int(fields[15 - 3])) * self._tick

    def _run(self, *command: str) -> str:
        done = subprocess.run(["docker", "exec", self._machine, *command], check=True, capture_output=True, text=True)
        return done.stdout.strip()


@contextlib.contextmanager
def ports_free_at_once(stage: Stage) -> Iterator[None]:
    """Let the VM forget connections as soon as they are closed, so that each run has all ports."""
    machine = f"slipway-{stage.lab.instance}-{stage.lab.vms[0]}"

    def set_to(value: str) -> str:
        script = f"cat {TIME_WAITS}; echo {value} >{TIME_WAITS}"
        done = subprocess.run(
            ["docker", "exec", machine, "sh", "-c", script], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    before = set_to(FEW)
    try:
        yield
    finally:
        set_to(before)


def build_wrk() -> None:
    """Make the image with ``wrk``; unchanged, it comes from Docker's cache."""
    recipe = RECIPE.format(base=f"slipway-lab/debian:{settings('images')['lab_suite']}")
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", WRK, "-"], input=recipe.encode(), check=True, stdout=subprocess.DEVNULL
    )


def parse(printed: str) -> tuple[float, float, int, int]:
    """Requests per second, p99 in seconds, the number of requests and that of errors, from what ``wrk`` prints."""

    def number(pattern: str) -> str:
        found = re.search(pattern, printed)
        if not found:
            raise SystemExit(f"wrk printed something else:\n{printed}")
        return found[1]

    taken = re.search(r"99%\s+([0-9.]+)(us|ms|s)\b", printed)
    if not taken:
        raise SystemExit(f"wrk printed no latency:\n{printed}")
    failed = [int(count) for count in re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", printed)]
    requests = int(number(r"(\d+) requests in"))
    return float(number(r"Requests/sec:\s+([0-9.]+)")), float(taken[1]) * UNITS[taken[2]], requests, sum(failed)


def measure(stage: Stage, proxy: Proxy, url: str, keep_alive: bool, seconds: int) -> Measured:
    """Let ``wrk`` ask for that many seconds."""
    network = f"container:slipway-{stage.lab.instance}-{stage.lab.vms[0]}"
    header = [] if keep_alive else ["--header", "Connection: close"]
    load = ["wrk", "--latency", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    before = proxy.seconds()
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", network, WRK, *load, *header, url],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    used = proxy.seconds() - before
    rate, p99, requests, errors = parse(done.stdout)
    return Measured(rate, p99, used / requests, errors)


def spread(values: Iterable[float], unit: str, factor: float, digits: int) -> str:
    """Median, minimum and maximum."""
    scaled = [value * factor for value in values]
    middle, low, high = (f"{value:.{digits}f}" for value in (statistics.median(scaled), min(scaled), max(scaled)))
    return f"{middle}{unit} ({low} to {high})"


def line(name: str, runs: list[Measured], proxied: bool) -> str:
    """One line of the table."""
    cpu = spread((run.cpu for run in runs), " µs", 1e6, 1) if proxied else "-"
    rate, p99 = spread((run.rate for run in runs), "", 1, 0), spread((run.p99 for run in runs), " ms", 1e3, 2)
    return f"{name:<34} {rate:<28} {p99:<30} {cpu:<30} {sum(run.errors for run in runs):>6}"


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure what the proxy costs.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, at least 1 (default 5)")
    parser.add_argument("--seconds", type=int, default=5, help="that each run takes (default 5)")
    arguments = parser.parse_args()
    lab = Lab.chosen()
    bring_up(lab)
    build_wrk()
    stage = Stage(lab, NAME, {"release_image": f"{lab.registry}/other", **NGINX})
    stage.forget()
    try:
        stage.ship(1)
        container = stage.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", f"{NAME}-staging-blue")
        proxy = Proxy(stage)
        print(f"\n{CONNECTIONS} connections, {arguments.runs} runs of {arguments.seconds} s each: median (minimum to")
        print(f"maximum). wrk, nginx and HAProxy share the machine. Before: {machine()}\n\n{HEADER}", flush=True)
        targets = {
            "its container": f"http://{container}:{NGINX['deploy_container_port']}/",
            "its slot's port, through Docker": f"http://127.0.0.1:{BLUE}/",
            "public port, through HAProxy": f"http://127.0.0.1:{PUBLIC}/",
        }
        for keep_alive in (True, False):
            print("with keep-alive" if keep_alive else "a connection for each request")
            runs: dict[str, list[Measured]] = {name: [] for name in targets}
            with ports_free_at_once(stage):
                for _ in range(max(1, arguments.runs)):
                    for name, url in targets.items():
                        runs[name].append(measure(stage, proxy, url, keep_alive, arguments.seconds))
            for name, url in targets.items():
                print(line(f"  {name}", runs[name], url.endswith(f":{PUBLIC}/")), flush=True)
    finally:
        stage.forget()
    print(f"\nAfter: {machine()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
