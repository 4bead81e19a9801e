"""The configuration that a deployment asks for."""

import json

import pytest
from ansible_collections.slipway.core.plugins.module_utils import wanted

SECRETS = json.dumps({"env": {"TOKEN": "t"}, "files": {"key": "line 1\n{{ two }} $x ü"}})


@pytest.mark.parametrize("value", [True, 4, 1.1, None])
def test_what_is_no_text_is_refused_where_it_is_used_too(value: object):
    with pytest.raises(ValueError, match=r"deploy_env has DEBUG, which YAML reads as .* and not as text"):
        wanted.configuration({"env": {"DEBUG": value}}, SECRETS, "app-staging")


@pytest.mark.parametrize("name", wanted.TEXT_LISTS)
def test_a_word_that_is_no_text_is_refused_where_it_is_used_too(name: str):
    with pytest.raises(ValueError, match=f"deploy_{name} has element 2, which YAML reads as 83"):
        wanted.configuration({"env": {}, name: ["a", 83]}, SECRETS, "app-staging")


def test_secrets_arrive_unchanged():
    asked = wanted.configuration({"env": {}}, SECRETS, "app-staging")
    assert asked.secrets_env == {"TOKEN": "t"}
    assert asked.secret_files == {"key": "line 1\n{{ two }} $x ü"}


def test_a_value_that_is_no_text_is_refused_by_name_and_not_shown():
    with pytest.raises(ValueError, match="deploy_secrets has key, which YAML reads as a list") as refusal:
        wanted.configuration({"env": {}}, json.dumps({"env": {}, "files": {"key": ["hunter2"]}}), "app-staging")
    assert "hunter2" not in str(refusal.value)
