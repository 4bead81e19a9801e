"""Notes which tasks ran on the target: every command that Ansible really sent through an SSH connection."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.connection import ssh

DOCUMENTATION = r"""
name: round_trips
type: aggregate
short_description: Note each task, and each command that goes over SSH, one a line
description:
  - Appends C(task NAME) when a task starts and C(ssh) for each command that it sends through an SSH connection. Tasks
    that run on the controller alone leave no C(ssh) line.
requirements:
  - enabled in configuration
options:
  file:
    description: The file that gets the lines.
    type: str
    required: true
    env:
      - name: BENCH_ROUND_TRIPS
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible ships no type information
    """Wraps the SSH connection before workers are forked, so that theirs are counted as well."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "round_trips"
    CALLBACK_NEEDS_ENABLED = True

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._file = self.get_option("file")
        original = ssh.Connection.exec_command

        def exec_command(connection: Any, *args: Any, **kwargs: Any) -> Any:
            self._note("ssh")
            return original(connection, *args, **kwargs)

        ssh.Connection.exec_command = exec_command

    def _note(self, line: str) -> None:
        handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(handle, f"{line}\n".encode())
        os.close(handle)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._note(f"task {task.get_name()}")
