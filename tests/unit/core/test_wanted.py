"""The configuration that a deployment asks for."""

import json

import pytest
from ansible_collections.slipway.core.plugins.module_utils import run, wanted

SECRETS = json.dumps({"env": {"TOKEN": "t"}, "files": {"key": "line 1\n{{ two }} $x ü"}})


def test_values_become_texts_the_way_yaml_spells_them():
    asked = wanted.configuration({"env": {"DEBUG": True, "WORKERS": 4, "NAME": "x"}}, SECRETS)
    assert asked.public["env"] == {"DEBUG": "true", "WORKERS": "4", "NAME": "x"}


def test_secrets_arrive_unchanged():
    asked = wanted.configuration({"env": {}}, SECRETS)
    assert asked.secrets_env == {"TOKEN": "t"}
    assert asked.secret_files == {"key": "line 1\n{{ two }} $x ü"}


def test_a_value_that_is_no_text_is_refused_by_name_and_not_shown():
    with pytest.raises(ValueError, match="deploy_secrets has 'key'") as refusal:
        wanted.configuration({"env": {}}, json.dumps({"env": {}, "files": {"key": ["hunter2"]}}))
    assert "hunter2" not in str(refusal.value)


def test_a_run_of_this_machine_that_has_ended_is_provably_gone():
    import os

    mine = run.run_id(os.getpid())
    assert not run.is_gone(run.controller(), mine)
    assert run.is_gone(run.controller(), f"200101-000000-{os.getpid()}")


def test_a_run_of_another_machine_is_never_proven_gone():
    assert not run.is_gone("elsewhere:12345678", "200101-000000-1")


def test_a_run_tells_when_it_started():
    assert run.started("261124-021500-4711") == 1795486500.0
