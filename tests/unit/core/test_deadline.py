"""A time limit ends the waiting, whatever it is that one waits for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils import github_run, watch
from ansible_collections.slipway.core.plugins.module_utils.deadline import Expired, within
from ansible_collections.slipway.core.plugins.module_utils.registry import Registry, RegistryTimeout
from ansible_collections.slipway.core.plugins.modules import github_approval
from silent_resolver import silence

CHECK = {"host": "", "path": "/health"}
ENOUGH_SECONDS = 5.0


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    silence(monkeypatch)


def test_what_waits_too_long_is_given_up() -> None:
    ended = threading.Event()
    with pytest.raises(Expired, match=r"^not finished within 0\.05 s$"):
        within(0.05, ended.wait)
    ended.set()


def test_an_answer_and_an_error_arrive_as_they_are() -> None:
    assert within(10, lambda: 7) == 7
    assert within(10, lambda: None) is None
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 / 0)


@pytest.mark.usefixtures("silent")
def test_a_health_check_of_a_name_that_nobody_resolves_ends_in_time() -> None:
    began = time.monotonic()
    params = {"check": CHECK, "bypass_file": None, "page": "", "timeout": 0.2, "validate_certs": True, "ca_path": None}
    answer = watch.fetch("http://app.example.com/health", params)
    assert (answer["status"], answer["msg"]) == (-1, "not finished within 0.2 s")
    assert time.monotonic() - began < ENOUGH_SECONDS


@pytest.mark.usefixtures("silent")
def test_a_registry_whose_name_nobody_resolves_is_given_up_in_time() -> None:
    began = time.monotonic()
    with pytest.raises(RegistryTimeout, match=r"did not answer in full within 0\.2 s"):
        Registry("registry.example.com/team/myapp", timeout=0.2).tags()
    assert time.monotonic() - began < ENOUGH_SECONDS


@pytest.mark.usefixtures("silent")
def test_github_whose_name_nobody_resolves_is_given_up_in_time() -> None:
    began = time.monotonic()
    params = {"api_url": "https://api.example.com", "run": "1", "token": "t", "timeout": 0.2}
    with pytest.raises(github_run.Unapproved, match=r"does not answer \(not finished within 0\.2 s\)"):
        github_approval.ask(params, github_run.run_path("a/b", "1"))
    assert time.monotonic() - began < ENOUGH_SECONDS


def test_a_process_ends_although_a_search_for_a_name_goes_on() -> None:
    """A module is a process of its own, which has to end with its answer."""
    script = (
        "import pytest, socket; from silent_resolver import silence; silence(pytest.MonkeyPatch());"
        "from ansible_collections.slipway.core.plugins.module_utils.deadline import Expired, within\n"
        "try:\n    within(0.05, lambda: socket.getaddrinfo('a', 1))\nexcept Expired:\n    print('given up')"
    )
    environment = {"PYTHONPATH": ":".join([*sys.path, str(Path(__file__).parent)])}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.returncode) == ("given up\n", 0), done.stderr
