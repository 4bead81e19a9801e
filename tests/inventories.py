"""Variables of a run that the command line may not set, in an inventory of their own, as group_vars would set them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.lab import ROOT, Lab

sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.slipway.core.plugins.module_utils import command_line


def hosts(lab: Lab) -> list[str]:
    """Every host of a lab's inventory."""
    further = [f"myapp-staging-{place}" for place in range(2, len(lab.vms) + 1)]
    return ["localhost", "myapp-staging", "myapp-prod", *further]


def split(variables: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The variables that the command line may set, and the others."""
    refused = {
        name
        for name, value in variables.items()
        if command_line.policy_problems([name])
        or command_line.connection_problems({name: value})
        or command_line.template_problems({name: value}, lambda text: True)
    }
    return (
        {name: value for name, value in variables.items() if name not in refused},
        {name: value for name, value in variables.items() if name in refused},
    )


def write(path: Path, variables: dict[str, Any], names: Iterable[str]) -> Path:
    """An inventory that sets variables on these hosts, to be read after the one that has them; returns its path."""
    path.touch(mode=0o600)
    path.write_text(json.dumps({"all": {"hosts": dict.fromkeys(names, variables)}}), encoding="utf-8")
    return path
