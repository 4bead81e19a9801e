"""Terminal output of a deployment: one line a step, with the time since the start and the step's own."""

from __future__ import annotations

DOCUMENTATION = r"""
name: story
type: stdout
short_description: One line a step, with elapsed time, and every event as JSON
description:
  - Prints each task as one line with its phase (the part of the task's name before C(|)), the seconds since
    the start, and the seconds it took. A step that takes long says that it is still at work.
  - A run that gets SIGINT or SIGTERM says what to do next, and ends within 5 seconds, whatever Ansible waits for.
  - Writes each step as one JSON object a line to O(events), for CI summaries and other views.
  - With C(-v) everything Ansible's own default callback shows is shown too.
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout in configuration
options:
  events:
    description: File that gets the events of this run; empty for none.
    type: str
    default: ""
    env:
      - name: SLIPWAY_EVENTS
    ini:
      - section: callback_story
        key: events
  summary:
    description: File that gets a section in Markdown about this run, after what is in it; empty for none.
    type: str
    default: ""
    env:
      - name: GITHUB_STEP_SUMMARY
    ini:
      - section: callback_story
        key: summary
  outputs:
    description: File that gets C(name=value) lines with the release's version, digest and more; empty for none.
    type: str
    default: ""
    env:
      - name: GITHUB_OUTPUT
    ini:
      - section: callback_story
        key: outputs
  heartbeat:
    description: Seconds after which, and at which, a step that is still at work says so.
    type: int
    default: 10
    env:
      - name: SLIPWAY_HEARTBEAT
    ini:
      - section: callback_story
        key: heartbeat
"""

import functools
import json
import os
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from ansible_collections.slipway.core.plugins.module_utils import (
    command_line,
    fates,
    interruption,
    run_summary,
    shown,
    ssh_folder,
)

# Its result is what it prints, and not what happened on the way.
STATUS = "status.yml"
TOLD = ("story", "entry", "release", "live", "url", "probes")
QUIET_ACTIONS = frozenset(
    f"ansible.builtin.{action}"
    for action in ("import_role", "import_tasks", "include_role", "include_tasks", "meta", "set_fact")
) | {"ansible.builtin.validate_argument_spec", "meta"}


def split_name(name: str) -> tuple[str, str]:
    """A task's phase and text: ``role : Pull | The image`` gives (``pull``, ``The image``)."""
    text = name.rsplit(" : ", 1)[-1]
    phase, bar, rest = text.partition(" | ")
    return (phase.strip().lower(), rest.strip()) if bar else ("", text.strip())


def failure_message(content: dict[str, Any]) -> str:
    """Why a task failed; of a loop, why its first failed item did."""
    for item in content.get("results") or []:
        if "exception" in item and item.get("msg"):
            return str(item["msg"])
    return str(content.get("msg") or "failed without a message")


def is_rescued(task: Any) -> bool:
    """Whether a rescue handles this task's failure, and so tells it with all that belongs to it."""
    inside, parent = {task._uuid}, task._parent
    while parent is not None:
        rescue = getattr(parent, "rescue", None) or []
        elsewhere = {entry._uuid for entry in [*rescue, *(getattr(parent, "always", None) or [])]}
        if rescue and not inside & elsewhere:
            return True
        inside.add(parent._uuid)
        parent = parent._parent
    return False


class CallbackModule(DefaultCallback):
    """Prints the story of a run; see DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "slipway.core.story"

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()
        self._step = self._start
        self._task_name = ""
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._happened: list[dict[str, Any]] = []
        self._bare = self._wants_bare_output()
        key = context.CLIARGS.get("private_key_file") or C.DEFAULT_PRIVATE_KEY_FILE or ""
        ssh_folder.keep_apart(os.environ, context.CLIARGS.get("inventory") or (), key, f"{C.ANSIBLE_HOME}/cp")
        self._display_as_it_is = functools.partial(Display.display, self._display)
        # All of Ansible's output goes through there, and its own messages and warnings quote what comes from outside.
        self._display.display = self._display_visibly

    def _display_visibly(self, msg: str, *args: Any, **options: Any) -> None:
        self._display_coloured(shown.visible(msg), *args, **options)

    def _display_coloured(self, msg: str, *args: Any, **options: Any) -> None:
        text = shown.uncommanding(msg) if "GITHUB_ACTIONS" in os.environ else msg
        self._display_as_it_is(text, *args, **options)

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._events = Path(self.get_option("events")) if self.get_option("events") else None
        if self._events:
            self._events.parent.mkdir(parents=True, exist_ok=True)
            self._events.write_text("", encoding="utf-8")

    @staticmethod
    def _wants_bare_output() -> bool:
        """Whether ``-e format=json`` asks for nothing but JSON on standard output."""
        return command_line.given(["format"], load_extra_vars(DataLoader()), os.environ).get("format") == "json"

    # What happened, for every view

    def _emit(self, result: Any, status: str, message: str = "") -> None:
        phase, text = split_name(result.task_name)
        content = result.result
        event = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "phase": phase,
            "step": text,
            "host": result.host.get_name(),
            "status": status,
            "seconds": round(time.monotonic() - self._step, 2),
        }
        if not content.get("censored"):
            event.update({key: content[key] for key in TOLD if content.get(key)})
        if message:
            event["message"] = message
        event = shown.plain(event)
        self._happened.append(event)
        line = json.dumps(event, ensure_ascii=False)
        if self._bare and phase and self._verb != STATUS:
            self._display.display(line)
        if self._events:
            with self._events.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        interruption.heed()

    def _tell_ci(self, failed: bool) -> None:
        seconds = time.monotonic() - self._start
        if self.get_option("summary"):
            with Path(self.get_option("summary")).open("a", encoding="utf-8") as file:
                file.write(run_summary.markdown(self._verb, self._happened, seconds, failed) + "\n")
        if self.get_option("outputs"):
            with Path(self.get_option("outputs")).open("a", encoding="utf-8") as file:
                known = run_summary.outputs(self._happened)
                file.writelines(f"{name}={shown.line(value)}\n" for name, value in known.items())

    # What people see

    def _line(self, text: str, color: str | None = None) -> None:
        if not self._bare:
            with self._lock:
                self._display.display(text, color=color)

    def _say(self, result: Any, status: str, color: str) -> None:
        content = result.result
        phase, text = split_name(result.task_name)
        said = "" if content.get("censored") else str(content.get("story") or "")
        since, took = time.monotonic() - self._start, time.monotonic() - self._step
        host = result.host.get_name()
        self._line(
            f"{since:6.1f}s  {phase:<10} {host:<15} {shown.line(said or text)}  [{status} {took:.1f}s]",
            color=color,
        )

    def _beat(self) -> None:
        waiting = 0
        interval = self.get_option("heartbeat")
        while not self._done.wait(interval):
            waiting += interval
            quiet = time.monotonic() - self._step
            if self._task_name and quiet >= interval:
                phase, text = split_name(self._task_name)
                since = time.monotonic() - self._start
                self._line(f"{since:6.1f}s  {phase:<10} {'…':<15} still at work: {text} ({quiet:.0f} s)")

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._verb = Path(playbook._file_name).name
        if not self._bare:
            super().v2_playbook_on_start(playbook)
        threading.Thread(target=self._beat, daemon=True).start()
        interruption.expect()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play
        name = play.get_name().strip()
        if name:
            self._line(f"▸ {name}", color=C.COLOR_HIGHLIGHT)

    def _task_start(self, task: Any, prefix: str | None = None) -> None:
        interruption.heed()
        self._step = time.monotonic()
        self._task_name = "" if task.action in QUIET_ACTIONS else task.get_name().strip()

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Which file a step came from is for readers of the code."""

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A step is told when it is over."""

    def v2_runner_on_skipped(self, result: Any) -> None:
        """What did not apply is not part of the story."""

    def v2_runner_on_ok(self, result: Any) -> None:
        content = result.result
        self._emit(result, "changed" if content.get("changed") else "ok")
        if "say" in content:
            with self._lock:
                self._display.display(str(content["say"]))
            return
        if result.task.action in QUIET_ACTIONS:
            return
        if content.get("changed"):
            self._say(result, "changed", C.COLOR_CHANGED)
        else:
            self._say(result, "ok", C.COLOR_OK)
        self._warnings(content)
        if self._display.verbosity > 0 and self._run_is_verbose(result):
            self._line(self._dump_results(content), color=C.COLOR_VERBOSE)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        content = result.result
        told_here = not content.get("censored") and not is_rescued(result.task)
        message = failure_message(content)
        self._emit(result, "failed", message if told_here else "")
        self._say(result, "failed", C.COLOR_ERROR)
        if told_here:
            self._display.display(f"         ✗ {message}", color=C.COLOR_ERROR, stderr=self._bare)
        if self._display.verbosity > 0:
            # An answer may hold secrets; what may be shown of it is in the message.
            shown = {name: value for name, value in content.items() if name != "body"}
            self._line(self._dump_results(shown), color=C.COLOR_ERROR)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        # Where that is ignored, whatever goes on has it to tell.
        told_here = not result.task.ignore_unreachable
        message = fates.unreachable(result.result, result.host.get_name())
        self._emit(result, "unreachable", message if told_here else "")
        self._say(result, "unreachable", C.COLOR_UNREACHABLE)
        if told_here:
            self._display.display(f"         ✗ {message}", color=C.COLOR_UNREACHABLE, stderr=self._bare)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """A loop is one step."""

    v2_runner_item_on_failed = v2_runner_item_on_ok
    v2_runner_item_on_skipped = v2_runner_item_on_ok

    def v2_on_file_diff(self, result: Any) -> None:
        for content in result.result.get("results") or [result.result]:
            if content.get("diff") and not self._bare:
                # Its colours are sequences for the terminal, so that this alone is shown as it is.
                told = self._get_diff(shown.plain(content["diff"])).rstrip()
                with self._lock:
                    self._display_coloured(told)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._done.set()
        hosts = sorted(stats.processed)
        bad = [host for host in hosts if stats.failures.get(host) or stats.dark.get(host)]
        changed = sum(stats.changed.get(host, 0) for host in hosts)
        since = time.monotonic() - self._start
        mode = " (check mode: nothing was changed)" if context.CLIARGS.get("check") else ""
        if bad:
            self._line(f"{since:6.1f}s  failed on {', '.join(bad)}{mode}", color=C.COLOR_ERROR)
        else:
            self._line(f"{since:6.1f}s  done, changed={changed}{mode}", color=C.COLOR_OK)
        self._tell_ci(bool(bad))

    def _warnings(self, content: dict[str, Any]) -> None:
        if not self._bare:
            self._handle_warnings_and_exception_of(content)

    def _handle_warnings_and_exception_of(self, content: dict[str, Any]) -> None:
        for warning in content.get("warnings") or []:
            self._display.warning(warning)
