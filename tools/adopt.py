"""Ship another repository's application with this clone: use that one's inventory and group_vars.

``python3 -m tools.adopt ../application`` replaces the examples here by links. Meant for a clone that is made for one
run, such as a CI job's; run again, it changes nothing.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("inventory", "group_vars")


def adopt(application: Path, root: Path = ROOT) -> None:
    """Link the application's parts into ``root``.

    :raises FileNotFoundError: the application lacks one; nothing has been changed.
    """
    for part in PARTS:
        if not (application / part).is_dir():
            raise FileNotFoundError(f"{application} has no folder {part}: copy the one of Slipway there and edit it.")
    for part in PARTS:
        here = root / part
        if here.is_symlink():
            here.unlink()
        elif here.is_dir():
            shutil.rmtree(here)
        here.symlink_to(application.resolve() / part)


def main() -> int:
    """Read the command line; returns the exit code."""
    if len(sys.argv) != 2:
        print("usage: python3 -m tools.adopt FOLDER", file=sys.stderr)
        return 2
    try:
        adopt(Path(sys.argv[1]))
    except OSError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
