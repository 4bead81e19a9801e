"""A whole load, in a process of its own, on a server on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stand_in
from aiohttp import web

from bench import generator
from bench.generator import Generator, Plan
from bench.load import FAILED, READY, ROOT, Load
from bench.outcomes import Outcome, failed, judge, longest_pause

QUICK = Plan(slow=2, websockets=2, streams=1, slow_seconds=0.3, websocket_seconds=0.3, stream_seconds=0.3)
FAST_ONLY = Plan(slow=0, websockets=0, streams=0)
DEADLINE = 20
KINDS = {"keepalive", "connection", "slow", "websocket", "stream"}


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of a good server."""
    with stand_in.server() as url:
        yield url


def test_all_kinds_are_sent_until_the_context_is_left(url: str, tmp_path: Path) -> None:
    with Load(url, 100, tmp_path, plan=QUICK) as load:
        ready = time.time()
        wait_for(lambda: {one.kind for one in load.outcomes() if one.sent > ready} == KINDS)
        left = time.time()
    outcomes = load.outcomes()
    assert failed(judge(outcomes, {stand_in.VERSION})) == []
    assert {one.version for one in outcomes if one.sent < ready} == {stand_in.VERSION}
    assert max(one.sent for one in outcomes) < left + 1
    kinds = Counter(one.kind for one in outcomes)
    assert abs(kinds["keepalive"] - kinds["connection"]) <= kinds["connection"] * 0.2
    assert (tmp_path / "outcomes.jsonl").read_text() == "".join(one.line() for one in outcomes)


def test_what_is_in_flight_at_the_end_is_waited_for(url: str) -> None:
    plan = Plan(slow=1, websockets=0, streams=0, slow_seconds=1)
    with Load(url, 50, plan=plan) as load:
        left = time.time()
    assert any(one.kind == "slow" and one.sent < left < one.done for one in load.outcomes())
    assert failed(load.outcomes()) == []


def test_slow_answers_do_not_slow_the_pace() -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(1)
        return web.json_response({"version": stand_in.VERSION})

    with stand_in.server({"/version": slow}) as url, Load(url, 200, plan=FAST_ONLY) as load:
        wait_for(lambda: len(load.outcomes()) > 100)
    outcomes = load.outcomes()
    first = min(one.sent for one in outcomes)
    assert failed(outcomes) == []
    # Those that were sent before anything was answered: 200, of which a busy machine may delay some.
    assert sum(one.sent < first + 1 for one in outcomes) > 150
    assert longest_pause(outcomes) < 0.5


def run_until(url: str, plan: Plan, *steps: Callable[[list[Outcome]], bool]) -> list[Outcome]:
    """Outcomes of a generator in this process, which is stopped when one step after the other has returned true."""
    outcomes: list[Outcome] = []

    async def run() -> None:
        sending = Generator(url, plan, outcomes.append)
        running = asyncio.create_task(sending.run())
        for step in steps:
            async with asyncio.timeout(DEADLINE):
                while not step(outcomes):
                    await asyncio.sleep(0.02)
        sending.stop()
        await running

    asyncio.run(run())
    return outcomes


def test_errors_are_seen_by_every_kind_and_slow_down_those_that_wait_for_answers() -> None:
    statuses = [500]

    async def fail(request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": stand_in.VERSION}, status=statuses[0])

    def all_failed(outcomes: list[Outcome]) -> bool:
        return len(outcomes) > 30

    def all_good(outcomes: list[Outcome]) -> bool:
        statuses[0] = 200
        return {one.kind for one in outcomes if not one.trouble} == KINDS - {"websocket"}

    plan = Plan(rate=100, slow=1, websockets=0, streams=1, slow_seconds=0.1, stream_seconds=0.1)
    with stand_in.server({"/version": fail, "/slow": fail}) as url:
        outcomes = run_until(url, plan, all_failed, all_good)
    kinds = Counter(one.kind for one in failed(outcomes))
    assert set(kinds) == {"keepalive", "connection", "slow"}
    assert kinds["slow"] < kinds["connection"] / 2


def test_what_is_never_answered_is_given_up_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "GRACE_SECONDS", 0.2)
    asked = []

    async def hang(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        await asyncio.sleep(DEADLINE)
        raise AssertionError

    plan = Plan(rate=50, slow=1, websockets=1, streams=1)
    with stand_in.server(dict.fromkeys(stand_in.HANDLERS, hang)) as url:
        began = time.monotonic()
        outcomes = run_until(url, plan, lambda _: {*stand_in.HANDLERS} == {*asked} and asked.count("/version") > 1)
    assert time.monotonic() - began < DEADLINE / 2
    assert {(one.kind, one.version, one.trouble) for one in outcomes} == {(kind, "", "timeout") for kind in KINDS}


def test_server_that_does_not_answer_all_is_no_start() -> None:
    async def missing(request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound

    with (
        stand_in.server({"/ws": missing}) as url,
        pytest.raises(TimeoutError, match=r"within 2 s: .* status 404: websocket"),
        Load(url, 50, plan=QUICK, deadline=2),
    ):
        pytest.fail("entered")


def test_load_that_broke_down_is_told(url: str) -> None:
    with pytest.raises(RuntimeError, match="ended with exit code -9"), Load(url, 50, plan=FAST_ONLY) as load:
        load._process.kill()


@pytest.fixture
def command(url: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command with some options; what has not ended by itself after a while is killed."""
    with contextlib.ExitStack() as stack:

        def start(*options: str, url: str = url) -> subprocess.Popen[str]:
            quick = [f"--{name.replace('_', '-')}={value}" for name, value in vars(QUICK).items()]
            arguments = [sys.executable, "-m", "bench.load", url, *quick, *options]
            pipe = subprocess.PIPE
            process = stack.enter_context(subprocess.Popen(arguments, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))
            limit = threading.Timer(DEADLINE, process.kill)
            limit.start()
            stack.callback(limit.cancel)
            return process

        yield start


@pytest.mark.parametrize(("version", "code"), [("1.0.1", 0), ("1.0.2", FAILED)])
def test_command_for_some_seconds(command: Any, version: str, code: int, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    process = command("--seconds", "0.5", "--versions", version, "--json", str(file))
    ready, summary, cost = process.communicate()[0].splitlines()
    assert process.returncode == code
    assert ready == READY
    assert summary.startswith(f"{len(file.read_text().splitlines())} requests")
    assert ("version 1.0.1: stream" in summary) == (code == FAILED)
    assert cost.endswith("% of a core.")


@pytest.mark.parametrize("end", ["signal", "input"])
def test_command_until_it_is_ended(command: Any, end: str) -> None:
    process = command()
    assert process.stdout.readline().strip() == READY
    process.send_signal(signal.SIGINT) if end == "signal" else process.stdin.close()
    assert " 0 failed; " in process.stdout.readline()
    assert process.wait() == 0


@pytest.mark.parametrize(("options", "code"), [((), FAILED), (("--ws-may-close",), 0)])
def test_websocket_that_the_server_closes_is_a_failure_unless_allowed(
    command: Any, options: tuple[str, ...], code: int
) -> None:
    async def close(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.send_json({"version": stand_in.VERSION})
        await response.close(code=1001)
        return response

    with stand_in.server({"/ws": close}) as url:
        process = command("--seconds", "0.5", *options, url=url)
        output = process.communicate()[0]
    assert process.returncode == code
    assert ("closed 1001: websocket" in output) == (code == FAILED)
