"""Load of all kinds on a server, from a process of its own, and what became of every request.

``python -m bench.load http://127.0.0.1:8081 --versions 1.0.1 1.0.2`` sends until Ctrl-C or until its input is closed.
The server answers ``/version``, ``/slow?s=5``, ``/stream?s=8`` and the WebSocket ``/ws``, each with its version; that
of ``app/`` answers the last three where ``APP_LOAD_PATHS`` is ``on``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType

from bench.generator import GRACE_SECONDS, Generator, Plan
from bench.outcomes import Outcome, failed, judge, read, summary

ROOT = Path(__file__).parents[1]
READY = "All kinds of requests are being answered."
FAILED = 3
READY_SECONDS = 15.0
END_SECONDS = GRACE_SECONDS + 10


class Load:
    """A load on ``url``, from entering the context, when all kinds of requests are being answered, until leaving it.

    Entering raises TimeoutError when they are not within ``deadline`` seconds. Leaving waits for what is in flight,
    and raises RuntimeError when the load itself broke down. Failed requests raise nothing: see :meth:`outcomes`.

    :param rate: fast requests per second.
    :param folder: where ``outcomes.jsonl`` is written; by default in one that is removed at the end.
    :param plan: what is sent besides.
    """

    def __init__(
        self,
        url: str,
        rate: float = Plan.rate,
        folder: Path | None = None,
        *,
        plan: Plan | None = None,
        deadline: float = READY_SECONDS,
    ) -> None:
        self._url, self._plan, self._deadline = url, replace(plan or Plan(), rate=rate), deadline
        self._cleanup = contextlib.ExitStack()
        self._folder = folder
        self._outcomes: list[Outcome] | None = None

    def __enter__(self) -> Load:
        folder = self._folder or self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="slipway-load-"))
        self._file = Path(folder, "outcomes.jsonl")
        self._file.write_text("", encoding="utf-8")
        options = [f"--{_option(name)}={value}" for name, value in vars(self._plan).items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load", self._url, "--json", str(self._file.absolute()), *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the caller, who ends the load then.
        )
        assert self._process.stdout
        too_late = threading.Timer(self._deadline, self._process.kill)
        too_late.start()
        line = self._process.stdout.readline()
        too_late.cancel()
        if line.strip() != READY:
            self._process.kill()
            self._end()
            seen = summary(self.outcomes())
            raise TimeoutError(f"{self._url} did not answer all kinds of requests within {self._deadline:g} s: {seen}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self._end()
        if code not in (0, FAILED) and kind is None:
            raise RuntimeError(f"The load on {self._url} ended with exit code {code}: see its error output.")

    def outcomes(self) -> list[Outcome]:
        """What became of each request that is over, in the order in which they ended, and not judged yet."""
        return read(self._file) if self._outcomes is None else list(self._outcomes)

    def _end(self) -> int:
        with self._cleanup:
            try:
                self._process.communicate(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
            self._outcomes = read(self._file)
        return self._process.returncode


def _option(name: str) -> str:
    return name.replace("_", "-")


def _when_input_closes(call: Callable[[], object]) -> None:
    # Not through sys.stdin, whose lock a thread that still reads would hold when the interpreter ends.
    while os.read(0, 4096):
        pass
    # A loop that is closed already needs no stop.
    with contextlib.suppress(RuntimeError):
        call()


async def _send(url: str, plan: Plan, report: Callable[[Outcome], None], seconds: float | None) -> None:
    generator = Generator(url, plan, report, lambda: print(READY, flush=True))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, generator.stop)
    if seconds is None:
        stop = (lambda: loop.call_soon_threadsafe(generator.stop),)
        threading.Thread(target=_when_input_closes, args=stop, daemon=True).start()
    else:
        loop.call_later(seconds, generator.stop)
    await generator.run()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the server, without a path")
    parser.add_argument("--versions", nargs="+", default=[], help="those that may answer (default: any)")
    parser.add_argument("--seconds", type=float, help="for how long (default: until Ctrl-C or the input is closed)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write every outcome, one a line")
    parser.add_argument("--ws-may-close", action="store_true", help="a WebSocket that the server cuts has not failed")
    for field in fields(Plan):
        kind, default = type(field.default), field.default
        parser.add_argument(f"--{_option(field.name)}", type=kind, default=default, metavar="N", help=f"{default}")
    return parser.parse_args()


def main() -> int:
    """Send, then print the summary; returns 0, or FAILED when a request failed."""
    arguments = _arguments()
    plan = Plan(**{field.name: getattr(arguments, field.name) for field in fields(Plan)})
    # Every request that waits is an open connection.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    outcomes: list[Outcome] = []
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        # By lines, so that nothing is lost when this process gets killed.
        file = arguments.json and stack.enter_context(arguments.json.open("w", encoding="utf-8", buffering=1))

        def report(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if file:
                file.write(outcome.line())

        asyncio.run(_send(arguments.url, plan, report, arguments.seconds))
    judged = judge(outcomes, set(arguments.versions), ws_may_close=arguments.ws_may_close)
    print(summary(judged))
    print(f"The load took {time.process_time() / (time.monotonic() - began):.0%} of a core.")
    return FAILED if failed(judged) else 0


if __name__ == "__main__":
    sys.exit(main())
