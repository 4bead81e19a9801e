"""Install Debian and Ubuntu packages, where we may."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

from tools.child import SetupError, run

NONINTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive"}


def available(package: str) -> bool:
    """Whether apt knows a package of that name."""
    found = subprocess.run(["apt-cache", "show", "--no-all-versions", package], capture_output=True, check=False)
    return found.returncode == 0


@functools.cache
def refresh() -> None:
    """Fetch the package lists, once in a run."""
    run("Refresh the package lists", ["apt-get", "update"], NONINTERACTIVE)


def install(purpose: str, packages: list[str], optional: tuple[str, ...] = ()) -> None:
    """Install packages with apt-get, and those of ``optional`` that this release of the distribution has.

    Raises SetupError, with the command to run by hand, when we are not root or there is no apt-get.
    """
    command = f"apt-get install {' '.join(packages)}"
    if not shutil.which("apt-get"):
        raise SetupError(f"{purpose} is missing: install it with this system's package manager, then run this again.")
    if os.geteuid() != 0:
        raise SetupError(f"{purpose} is missing: run 'sudo {command}', then run this again.")
    refresh()
    wanted = packages + [package for package in optional if available(package)]
    run(
        f"Install {purpose}",
        ["apt-get", "install", "--yes", "--no-install-recommends", *wanted],
        NONINTERACTIVE,
        advice=f"Run '{command}' to see why.",
    )
