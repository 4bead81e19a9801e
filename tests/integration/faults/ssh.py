"""A target whose SSH port can be cut off."""

from __future__ import annotations

from tests.integration.target import Target

DROP = "INPUT --protocol tcp --dport 22 --jump DROP"
# For tests that do not ask how long ansible.cfg is patient with a host that answers no more.
IMPATIENT = {
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ConnectTimeout=3 -o ServerAliveInterval=1 -o ServerAliveCountMax=3"
}


class Ssh:
    """What comes to the target's port 22."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def cut(self) -> None:
        """Drop all of it, without a word to those who sent it."""
        self._target.run("sh", "-c", f"iptables --insert {DROP}")

    def mend(self) -> None:
        """Let it through again."""
        self._target.run("sh", "-c", f"while iptables --delete {DROP} 2>/dev/null; do :; done")
