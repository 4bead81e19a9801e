"""Secrets reach the container unchanged, and nothing and nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.application import Application
from tests.integration.verbs import Run

IN_FILE = "Zebra-file-41f7"
IN_ENV = "Zebra-env-90c2"
MARK = "Zebra-"
FILE = f"{IN_FILE} 'quoted' \"twice\" $HOME ${{HOME}} {{{{ braces }}}} {{% raw %}}\nand {MARK}second line: ünï\n"
ENV = f"{IN_ENV} 'quoted' \"twice\" $HOME {{{{ braces }}}} \\ ünï"
# The application tells its environment in every health answer, so that the evidence holds a secret too.
SECRETS = {"deploy_secrets": {"token": FILE}, "deploy_secret_env": {"SECRET_TOKEN": ENV, "APP_ENVIRONMENT": ENV}}
# What an application may log of its secrets: as they are, and spelled as JSON in both ways.
LOGS = """
import json, os
secrets = [os.environ["SECRET_TOKEN"], open("/run/secrets/token").read()]
print(*secrets, json.dumps(secrets), json.dumps(secrets, ensure_ascii=False), "the end", sep="\\n")
exit(3)
"""


class Unsafe(str):
    """A text that Ansible must not take for a template."""


yaml.SafeDumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))
YAML = yaml.safe_dump(
    {name: {key: Unsafe(value) for key, value in values.items()} for name, values in SECRETS.items()},
    allow_unicode=True,
)


class Watch:
    """Looks at the argument list of every process of this machine, and so of the VM, over and over."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = process.read_bytes()
                except OSError:
                    continue
                if MARK.encode() in words:
                    self.seen.append(words.decode(errors="replace"))


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    with Watch() as watching:
        yield watching


def deploy(application: Application, *arguments: str, text: str = YAML, **variables: Any) -> Run:
    """Deploy to staging with the secrets."""
    return application.start("deploy", *arguments, text=text, env="staging", deploy_env={}, **variables).end()


@pytest.fixture(scope="module")
def shipped(application: Application, watch: Watch) -> Run:
    """A deployment with secrets that tells all it can."""
    run = deploy(application, "-vvv", "--diff", version="1.0.1")
    assert run.code == 0, run.output
    return run


def assert_hidden(application: Application, run: Run, watch: Watch) -> None:
    """No part of a secret is in output, events, ledger entry or arguments of a run, nor in a file of another kind."""
    assert MARK not in run.output
    assert MARK not in json.dumps(run.events, ensure_ascii=False)
    assert MARK not in json.dumps(application.ledger("staging")[-1], ensure_ascii=False)
    assert watch.seen == []
    expected = (f"{application.home('staging')}/configs/", application.ledger_path("staging"))
    assert [path for path in application.target.find(MARK) if not path.startswith(expected)] == []


@pytest.mark.usefixtures("shipped")
def test_values_arrive_unchanged(application: Application) -> None:
    container = application.live_container("staging")["Id"]
    inside = application.target.run("docker", "exec", container, "cat", "/run/secrets/token")
    assert inside == FILE
    script = "import os, sys; sys.stdout.buffer.write(os.environb[b'SECRET_TOKEN'])"
    assert application.target.run("docker", "exec", container, "python3", "-c", script) == ENV
    mode = application.target.run("docker", "exec", container, "stat", "-c", "%a %u", "/run/secrets/token")
    assert mode.split() == ["600", "10001"]


def test_hidden_from_a_run_that_tells_all(application: Application, shipped: Run, watch: Watch) -> None:
    assert_hidden(application, shipped, watch)


@pytest.mark.usefixtures("shipped")
def test_hidden_from_the_image(application: Application) -> None:
    image = application.live_container("staging")["Config"]["Image"]
    assert MARK not in application.target.docker("history", "--no-trunc", image)


@pytest.mark.usefixtures("shipped")
def test_files_are_for_root_and_the_container(application: Application) -> None:
    """The kept configuration has mode 0600, and so has all else that holds a secret."""
    holders = application.target.find(MARK)
    assert holders
    modes = application.target.run("stat", "-c", "%a", *holders).split()
    assert set(modes) == {"600"}


@pytest.mark.usefixtures("shipped")
def test_hidden_from_a_change_of_secrets(application: Application, watch: Watch) -> None:
    run = deploy(application, "--check", "--diff", "-v", text=YAML.replace(IN_ENV, f"{MARK}other"), version="1.0.1")
    assert run.code == 0, run.output
    assert '"SECRET_TOKEN": "(changed)"' in run.output
    assert_hidden(application, run, watch)


@pytest.mark.usefixtures("shipped")
def test_hidden_from_a_failure(application: Application, watch: Watch) -> None:
    """The application logs its secrets, and ends."""
    run = deploy(application, "-vvv", "--diff", version="1.0.2", deploy_command=["python3", "-c", LOGS])
    assert run.code != 0
    assert "exited with code 3" in run.output
    assert "| the end" in run.output
    assert_hidden(application, run, watch)
