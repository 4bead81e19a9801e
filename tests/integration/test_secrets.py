"""Secrets, and all other text, reach the container unchanged; secrets reach nothing and nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import hostile
from tests.integration.application import Application
from tests.integration.verbs import Run

IN_FILE = "Zebra-file-41f7"
IN_ENV = "Zebra-env-90c2"
MARK = "Zebra-"
FILE = f"{IN_FILE} 'quoted' \"twice\" $HOME ${{HOME}} {{{{ braces }}}} {{% raw %}}\nand {MARK}second line: ünï\n"
ENV = f"{IN_ENV} 'quoted' \"twice\" $HOME {{{{ braces }}}} \\ ünï"
# The application tells its environment in every health answer, so that the evidence holds a secret too.
SECRETS = {"deploy_secrets": {"token": FILE}, "deploy_secret_env": {"SECRET_TOKEN": ENV, "APP_ENVIRONMENT": ENV}}
# The application as ever, once it has written down the words of its command.
START = """
import os, sys
open("/tmp/words", "wb").write(b"\\0".join(map(os.fsencode, sys.argv[1:])))
os.execvp("gunicorn", ["gunicorn"])
"""
NUMBERED = list(enumerate(hostile.TEXTS))
HOSTILE = {
    "deploy_env": {f"V{number}": text for number, text in NUMBERED} | hostile.NAMED,
    "deploy_labels": {f"l{number}": text for number, text in NUMBERED} | hostile.NAMED,
    "deploy_command": ["python3", "-c", START, *hostile.TEXTS],
    # In a secret file NUL is a byte like another; a secret without a value is refused.
    "deploy_secrets": SECRETS["deploy_secrets"] | {f"f{number}": f"{text}\0" for number, text in NUMBERED},
    "deploy_secret_env": SECRETS["deploy_secret_env"] | {f"S{number}": text for number, text in NUMBERED if text},
}
# What the container has, in hex.
READ = """
import json, os, pathlib
files = {path.name: path.read_bytes().hex() for path in pathlib.Path("/run/secrets").iterdir()}
env = {name.hex(): value.hex() for name, value in os.environb.items()}
print(json.dumps({"files": files, "env": env, "words": pathlib.Path("/tmp/words").read_bytes().hex()}))
"""
# What an application may log of its secrets: as they are, and spelled as JSON in both ways.
LOGS = """
import json, os
secrets = [os.environ["SECRET_TOKEN"], open("/run/secrets/token").read()]
print(*secrets, json.dumps(secrets), json.dumps(secrets, ensure_ascii=False), "the end", sep="\\n")
exit(3)
"""


YAML = hostile.yaml(SECRETS)


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
    return application.start("deploy", *arguments, text=text, env="staging", **variables).end()


@pytest.fixture(scope="module")
def shipped(application: Application, watch: Watch) -> Run:
    """A deployment with secrets that tells all it can."""
    run = deploy(application, "-vvv", "--diff", text=hostile.yaml(HOSTILE), version="1.0.1")
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
    """What Docker Engine was told, and what the processes in the container read, byte for byte."""
    container = application.live_container("staging")
    inside = json.loads(application.target.run("docker", "exec", container["Id"], "python3", "-c", READ))
    assert inside["files"] == {name: text.encode().hex() for name, text in HOSTILE["deploy_secrets"].items()}
    expected = {**HOSTILE["deploy_env"], **HOSTILE["deploy_secret_env"]}
    environment = {bytes.fromhex(name).decode(): bytes.fromhex(text).decode() for name, text in inside["env"].items()}
    assert environment.items() >= expected.items()
    assert bytes.fromhex(inside["words"]).split(b"\0") == [text.encode() for text in hostile.TEXTS]
    told = container["Config"]
    assert dict(entry.split("=", 1) for entry in told["Env"]).items() >= expected.items()
    assert told["Labels"].items() >= HOSTILE["deploy_labels"].items()
    assert told["Cmd"] == HOSTILE["deploy_command"]
    mode = application.target.run("docker", "exec", container["Id"], "stat", "-c", "%a %u", "/run/secrets/token")
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
    run = deploy(
        application,
        "--check",
        "--diff",
        "-v",
        text=YAML.replace(IN_ENV, f"{MARK}other"),
        version="1.0.1",
        deploy_env={},
    )
    assert run.code == 0, run.output
    assert '"SECRET_TOKEN": "(changed)"' in run.output
    assert_hidden(application, run, watch)


@pytest.mark.usefixtures("shipped")
def test_hidden_from_a_failure(application: Application, watch: Watch) -> None:
    """The application logs its secrets, and ends."""
    run = deploy(application, "-vvv", "--diff", version="1.0.2", deploy_env={}, deploy_command=["python3", "-c", LOGS])
    assert run.code != 0
    assert "exited with code 3" in run.output
    assert "| the end" in run.output
    assert_hidden(application, run, watch)
