"""A run is known by an id that no other has, and its end is proven before anybody takes its lock."""

import os
import subprocess
import sys

import pytest
from ansible_collections.slipway.core.plugins.module_utils import run

HERE = run.controller()


@pytest.fixture
def process():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def test_a_run_that_is_at_work_is_not_gone(process):
    assert not run.is_gone(HERE, run.run_id(process.pid))


def test_a_run_whose_process_has_ended_is_gone(process):
    known = run.run_id(process.pid)
    process.kill()
    process.wait()
    assert run.is_gone(HERE, known)


def test_a_run_that_has_ended_is_gone_although_nobody_has_asked_how(process):
    known = run.run_id(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert run.is_gone(HERE, known)


def test_a_process_with_the_same_id_that_started_at_another_time_is_another_run(process):
    stamp = run.run_id(process.pid).rpartition("-")[0]
    assert run.is_gone(HERE, f"{stamp}-000000")


def test_the_clock_does_not_end_a_run(process):
    _, _, pid, proof = run.run_id(process.pid).split("-")
    assert not run.is_gone(HERE, f"250101-000000-{pid}-{proof}")


@pytest.mark.parametrize("hidden", [FileNotFoundError, PermissionError])
def test_a_process_that_may_not_be_looked_at_is_not_gone(process, monkeypatch, hidden):
    known = run.run_id(process.pid)

    def refuse(pid):
        raise hidden(pid)

    monkeypatch.setattr(run, "_start_ticks", refuse)
    assert not run.is_gone(HERE, known)


def test_somebody_elses_process_is_not_gone(process, monkeypatch):
    known = run.run_id(process.pid)

    def forbid(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbid)
    assert not run.is_gone(HERE, known)


@pytest.mark.parametrize("known", ["", "x", "261124-021500-4711", "a-b-c-d"])
def test_an_id_that_is_none_of_ours_proves_nothing(known):
    assert not run.is_gone(HERE, known)


def test_another_controller_is_not_judged():
    assert not run.is_gone("elsewhere:0:0", "261124-021500-4711-3fa9c1")


def test_two_controllers_never_have_the_same_run(monkeypatch):
    here = run.run_id(os.getpid())
    monkeypatch.setattr(run, "controller", lambda: "elsewhere:0:0")
    assert run.run_id(os.getpid()) != here


def test_an_id_says_when_the_run_started():
    assert run.started("261124-021500-4711-3fa9c1") == 1795486500.0
