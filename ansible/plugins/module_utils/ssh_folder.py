"""Where Ansible keeps the sockets of its SSH sessions: apart for each inventory and key. On the controller.

A session goes on for a while after its last command. Ansible knows it by host, port and user alone, so that a run with
another inventory or key would go through the session of the first one.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import MutableMapping, Sequence

VARIABLE = "ANSIBLE_SSH_CONTROL_PATH_DIR"
# Short, as a socket's path has 107 bytes at most.
CHARACTERS = 8


def keep_apart(environ: MutableMapping[str, str], inventories: Sequence[str], key: str, parent: str) -> None:
    """Name a folder of their own for the sessions of this run, unless one has been named.

    :param inventories: where the hosts come from, as given.
    :param key: the private key that was named for all hosts; empty for none.
    :param parent: Ansible's own folder for them.
    """
    if environ.get(VARIABLE):
        return
    known = "\0".join([*(os.path.realpath(it) for it in inventories), os.path.realpath(key) if key else ""])
    digest = hashlib.sha256(os.fsencode(known)).hexdigest()[:CHARACTERS]
    environ[VARIABLE] = str(Path(parent).expanduser() / digest)
