"""What the role deploy works out of its variables, with Ansible's own templating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.slipway.core.plugins.module_utils import lock

ROLES = Path(__file__).resolve().parents[3] / "ansible" / "roles"


@pytest.fixture(scope="module", autouse=True)
def plugins() -> None:
    """What the variables look up is found."""
    init_plugin_loader()


def trusted(value: Any) -> Any:
    """Variables as Ansible has read them."""
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def worked_out(name: str, **given: Any) -> Any:
    files = [ROLES / "ledger/defaults/main.yml", ROLES / "deploy/defaults/main.yml", ROLES / "deploy/vars/main.yml"]
    variables = {key: trusted(value) for path in files for key, value in yaml.safe_load(path.read_text()).items()}
    return Templar(DataLoader(), {**variables, **given}).template(variables[name])


@pytest.mark.parametrize(
    ("task_timeout", "given", "expected"),
    [(3600, {}, 3600), (3600, {"lock_wait": "86400"}, 90000), (0, {"lock_wait": "86400"}, 0)],
)
def test_the_wait_for_a_lock_comes_on_top_of_what_a_step_may_take(
    monkeypatch: pytest.MonkeyPatch, task_timeout: int, given: dict[str, Any], expected: int
) -> None:
    monkeypatch.setenv("ANSIBLE_TASK_TIMEOUT", str(task_timeout))
    assert worked_out("__deploy_lock_timeout", **given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 660),
        ({"ledger_lock_lease": "900"}, 900),
        ({"deploy_pull_timeout": 60}, 300),
        ({"deploy_pull_timeout": "1200"}, 1260),
        ({"deploy_soak_seconds": 1200}, 1310),
        ({"deploy_drain_timeout": 1200}, 2460),
        ({"deploy_stop_timeout": 1200}, 1380),
        ({"deploy_strategy": "canary", "deploy_canary_deadline": 1200}, 1260),
        ({"deploy_strategy": "canary", "deploy_canary_bake_seconds": 1200}, 1260),
        ({"deploy_strategy": "blue_green", "deploy_canary_deadline": 1200}, 660),
        ({"lock_wait": "1200"}, 1410),
        ({"lock_wait": "86400"}, lock.MAX_LEASE_SECONDS),
    ],
)
def test_a_lock_lasts_while_its_host_waits_for_another_one(given: dict[str, Any], expected: int) -> None:
    assert worked_out("__deploy_lease", ansible_play_batch=["a", "b"], **given) == expected
    alone = worked_out("__deploy_lease", ansible_play_batch=["a"], **given)
    assert alone == int(given.get("ledger_lock_lease", 300))
