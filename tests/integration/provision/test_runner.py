"""runner.yml turns a machine into a self-hosted runner, and back, with a stand-in for GitHub's archive."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.provision.machine import Machine
from tests.integration.secret_watch import SecretWatch
from tests.integration.verbs import Run

URL = "https://github.com/team/myapp"
HOME = "/opt/actions-runner"
UNIT = "/etc/systemd/system/actions-runner.service"
TOKEN = "AAAregistrationtokenAAA"

# What the real program does as far as the role can tell: it takes the token from its environment, and keeps what it was
# registered with in .runner, which begins with a byte order mark.
CONFIG = f"""#!/bin/sh
set -eu
if [ "${{ACTIONS_RUNNER_INPUT_TOKEN:-}}" != {TOKEN} ]; then echo "Http response code: NotFound"; exit 1; fi
if [ "$1" = remove ]; then rm .runner; exit; fi
printf '%s ' "$@" >arguments
printf '\\357\\273\\277{{"gitHubUrl": "{URL}", "workFolder": "_work"}}' >.runner
"""
FILES = {"config.sh": CONFIG, "run.sh": "#!/bin/sh\n", "bin/runsvc.sh": "#!/bin/sh\n"}


@dataclass(frozen=True)
class Runner:
    """The machine, the archive's server, and a file with the token."""

    machine: Machine
    url: str
    checksum: str
    token_file: Path

    def play(self, *arguments: str, **variables: Any) -> Run:
        """Run runner.yml."""
        common = {
            "runner_url": URL,
            "runner_download_url": self.url,
            "runner_checksum": self.checksum,
            "runner_token_file": str(self.token_file),
        }
        return self.machine.play("runner", *arguments, **common | variables)


def archive(version: str) -> bytes:
    """An archive of the shape of GitHub's."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in {**FILES, "bin/version": version}.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode = len(text.encode()), 0o755
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.fixture(scope="module")
def runner(provisioned: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The provisioned machine, which is no runner yet."""
    folder = tmp_path_factory.mktemp("archives")
    defaults = (Path(__file__).parents[3] / "ansible/roles/runner/defaults/main.yml").read_text(encoding="utf-8")
    version = re.findall(r"runner_version: (\S+)", defaults)[0]
    content = archive(version)
    (folder / f"actions-runner-linux-x64-{version}.tar.gz").write_bytes(content)
    token_file = tmp_path_factory.mktemp("token") / "token"
    token_file.write_text(TOKEN + "\n", encoding="ascii")
    gateway = f"{provisioned.lab.registry.rpartition('.')[0]}.1"
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer((gateway, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{gateway}:{server.server_port}"
    yield Runner(provisioned, url, hashlib.sha256(content).hexdigest(), token_file)
    server.shutdown()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"runner_url": ""}, r'runner_url is "", and nothing was changed: give the address'),
        ({"runner_url": "team/myapp"}, r'runner_url is "team/myapp", and nothing was changed'),
        ({"runner_checksum": "1234"}, r'runner_checksum is "1234", and nothing was changed: give the 64'),
        ({"runner_token_file": ""}, r"bare is no runner yet, and there is no token .*/settings/actions/runners/new"),
        (
            {"runner_labels_only": True},
            r"runner_labels_only is set and runner_labels is empty, and nothing was changed",
        ),
        ({"runner_lables": []}, r"runner_lables.*did you mean 'runner_labels'"),
        ({"runner_state": "gone"}, r"runner_state is 'gone', and has to be one of present, absent"),
    ],
)
def test_bad_input_is_refused(runner: Runner, variables: dict[str, Any], expected: str) -> None:
    with runner.machine.untouched():
        run = runner.play(**variables)
    assert re.search(expected, run.reason), run.reason


def test_an_archive_with_another_checksum_is_refused(runner: Runner) -> None:
    run = runner.play(runner_checksum="0" * 64)
    assert re.search(r"The runner \S+ was not installed \(.*checksum.*\): check runner_version, runner_ch", run.reason)
    assert not runner.machine.host().file(f"{HOME}/config.sh").exists


def test_a_token_that_github_does_not_know_is_refused(runner: Runner, tmp_path: Path) -> None:
    stale = tmp_path / "stale"
    stale.write_text("AAAstaleAAA", encoding="ascii")
    run = runner.play(runner_token_file=str(stale))
    assert re.search(rf"{URL} did not register bare \(Http response code: NotFound\): get a new token", run.reason)


def test_it_is_registered_and_has_its_unit(runner: Runner) -> None:
    with SecretWatch([TOKEN]) as watch:
        run = runner.play(runner_labels=["deploys"])
    assert run.code == 0, run.output
    assert not watch.seen
    assert TOKEN not in run.output
    assert "bare is not run by systemd: have /opt/actions-runner/bin/runsvc.sh run as runner" in run.output
    host = runner.machine.host()
    arguments = host.file(f"{HOME}/arguments").content_string
    assert f"--url {URL} --name bare --work _work --labels slipway,deploys" in arguments
    assert "--unattended --replace --disableupdate" in arguments
    unit = host.file(UNIT)
    assert (unit.user, unit.mode) == ("root", 0o644)
    assert "--no-default-labels" not in arguments
    assert "--ephemeral" not in arguments
    started = f"ConditionPathExists={HOME}/.runner"
    for line in ("User=runner", f"WorkingDirectory={HOME}", f"ExecStart={HOME}/bin/runsvc.sh", started):
        assert line in unit.content_string.splitlines()


def test_its_user_has_no_password_and_reaches_docker(runner: Runner) -> None:
    host = runner.machine.host()
    user = host.user("runner")
    assert user.password == "*"
    assert "docker" in user.groups
    assert host.file(f"{HOME}/config.sh").user == "runner"


@pytest.mark.parametrize("arguments", [[], ["--check", "--diff"]])
def test_second_time_changes_nothing_and_needs_no_token(runner: Runner, arguments: list[str]) -> None:
    with runner.machine.untouched():
        run = runner.play(*arguments, runner_token_file="")
    assert run.code == 0, run.output
    assert run.changed == 0


def test_a_runner_of_another_repository_is_left_alone(runner: Runner) -> None:
    with runner.machine.untouched():
        run = runner.play(runner_url="https://github.com/other/app")
    assert re.search(rf"bare is a runner for {URL}, and nothing was changed: remove it first", run.reason)


def test_removal_leaves_nothing_and_a_second_one_changes_nothing(runner: Runner) -> None:
    run = runner.play(runner_state="absent")
    assert run.code == 0, run.output
    host = runner.machine.host()
    assert not host.user("runner").exists
    for path in (HOME, UNIT, "/var/cache/actions-runner"):
        assert not host.file(path).exists
    again = runner.play(runner_state="absent")
    assert (again.code, again.changed) == (0, 0), again.output


def test_removal_without_a_token_says_what_github_still_lists(runner: Runner) -> None:
    """Of one for production, for a single job."""
    assert runner.play(runner_labels=["slipway-production"], runner_labels_only=True, runner_ephemeral=True).code == 0
    arguments = runner.machine.host().file(f"{HOME}/arguments").content_string
    assert "--labels slipway-production --no-default-labels --ephemeral" in arguments
    run = runner.play(runner_state="absent", runner_token_file="")
    assert run.code == 0, run.output
    assert f"GitHub still lists bare, because there was no token to remove it with: remove it at {URL}/" in run.output
