"""Run one verb of the project as a user does, and watch the public port from outside meanwhile.

Reads a step as JSON from standard input::

    name     how tests call it
    run      the command line after ansible-playbook, such as deploy.yml -e env=staging
    vars     more variables, beside the scenario's vars/main.yml
    path     what to ask the public port for meanwhile, /health by default
    refused  whether the verb has to fail

and appends to steps.jsonl in the scenario's folder: ``name``, ``code``, ``output``, ``after`` (what the public
port then answered), ``probes`` and ``unanswered`` (how many requests were sent during the step, and how many of
them failed), ``outage`` (seconds of the longest run of failed ones). Ends with 1 when the verb did not end as
the step says.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests import inventories
from tests.lab import ROOT, Lab
from tests.releases import image

INTERVAL = 0.05


def ask(port: int, path: str) -> dict[str, Any]:
    """One answer over a connection of its own: its status (0 for none) and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return {"status": answer.status, "body": answer.read().decode()}
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "body": str(error)}
    finally:
        connection.close()


class Watch(threading.Thread):
    """Asks every 50 ms until it is told to stop."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(daemon=True)
        self._where = port, path
        self._over = threading.Event()
        self.answers: list[tuple[float, bool]] = []

    def run(self) -> None:
        """Ask and note when, and whether the answer was a good one."""
        while not self._over.wait(INTERVAL):
            asked = time.monotonic()
            self.answers.append((asked, ask(*self._where)["status"] == 200))

    def stop(self) -> dict[str, Any]:
        """Stop asking; returns the summary."""
        self._over.set()
        self.join()
        outage, since = 0.0, None
        for asked, good in self.answers:
            since = None if good else (asked if since is None else since)
            outage = max(outage, asked - since + INTERVAL if since is not None else 0.0)
        failed = sum(not good for _, good in self.answers)
        return {"probes": len(self.answers), "unanswered": failed, "outage": round(outage, 2)}


def variables(step: dict[str, Any], lab: Lab) -> list[str]:
    """What the verb is run with, as YAML: what all scenarios share, then the scenario's own, then the step's."""
    # One good answer is enough here, to be quick; that it takes several in a row has tests of its own.
    shared = {
        "deploy_name": os.environ["MOLECULE_SCENARIO_NAME"],
        "release_image": image(lab),
        "deploy_health_passes": 1,
        "deploy_health_interval": 0.1,
        "deploy_soak_seconds": 0,
    }
    own = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "vars" / "main.yml"
    scenario = own.read_text(encoding="utf-8") if own.is_file() else "{}"
    return [json.dumps(shared), scenario, json.dumps(step.get("vars", {}))]


def write_inventory(folder: Path, texts: list[str], lab: Lab) -> None:
    """An inventory that sets variables on every host of the lab, as group_vars of a user would; the last text wins."""
    shutil.rmtree(folder, ignore_errors=True)
    for host in inventories.hosts(lab):
        (folder / "host_vars" / host).mkdir(parents=True)
        for place, text in enumerate(texts):
            (folder / "host_vars" / host / f"{place}.yml").write_text(text, encoding="utf-8")
    inventories.write(folder / "hosts.json", {}, inventories.hosts(lab))


def main() -> int:
    """Run the step; returns the exit code."""
    step = json.load(sys.stdin)
    lab = Lab.chosen()
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    # The verbs shall see the project's own ansible.cfg, as a user's would, and not molecule's.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    env = {**inherited, **lab.environment, "SLIPWAY_EVENTS": str(folder / "events.jsonl")}
    # The folder "inventory" there is molecule's own.
    write_inventory(folder / "variables", variables(step, lab), lab)
    env["ANSIBLE_INVENTORY"] += f",{folder / 'variables'}"

    port = lab.ports["staging" if "env=staging" in step["run"] else "production"]
    path = step.get("path", "/health")
    watch = Watch(port, path)
    watch.start()
    done = subprocess.run(
        ["ansible-playbook", *step["run"].split()],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    record = {"name": step["name"], "code": done.returncode, "output": done.stdout}
    record |= watch.stop() | {"after": ask(port, path)}
    with (folder / "steps.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    print(done.stdout)
    return int((done.returncode != 0) != step.get("refused", False))


if __name__ == "__main__":
    sys.exit(main())
