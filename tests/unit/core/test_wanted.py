"""The configuration that a deployment asks for."""

import json

import pytest
from ansible_collections.slipway.core.plugins.module_utils import wanted

SECRETS = json.dumps({"env": {"TOKEN": "t"}, "files": {"key": "line 1\n{{ two }} $x ü"}})


def test_values_become_texts_the_way_yaml_spells_them():
    asked = wanted.configuration({"env": {"DEBUG": True, "WORKERS": 4, "NAME": "x"}}, SECRETS, "app-staging")
    assert asked.public["env"] == {"DEBUG": "true", "WORKERS": "4", "NAME": "x"}


def test_secrets_arrive_unchanged():
    asked = wanted.configuration({"env": {}}, SECRETS, "app-staging")
    assert asked.secrets_env == {"TOKEN": "t"}
    assert asked.secret_files == {"key": "line 1\n{{ two }} $x ü"}


def test_a_value_that_is_no_text_is_refused_by_name_and_not_shown():
    with pytest.raises(ValueError, match="deploy_secrets has 'key'") as refusal:
        wanted.configuration({"env": {}}, json.dumps({"env": {}, "files": {"key": ["hunter2"]}}), "app-staging")
    assert "hunter2" not in str(refusal.value)
