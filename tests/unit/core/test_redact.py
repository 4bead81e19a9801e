"""Secrets are hidden, however an application spells them."""

import json

import pytest
from ansible_collections.slipway.core.plugins.module_utils.redact import hide

SECRETS = ['p"a\\ss', "ümlaut", "{{ braces }}", "$HOME", "key one\nkey two", "it's"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("spell", [str, json.dumps, lambda text: json.dumps(text, ensure_ascii=False), repr])
def test_a_secret_is_hidden_in_every_spelling(secret, spell):
    hidden = hide(f"before {spell(secret)} after", [secret])
    assert "********" in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    for part in secret.split("\n"):
        assert part not in hidden


def test_an_empty_secret_hides_nothing():
    assert hide("some text", ["", " "]) == "some text"


def test_short_lines_of_a_long_secret_do_not_blank_the_text():
    assert hide('{"status": "ok"}', ['{\n"password": "hunter2"\n}']) == '{"status": "ok"}'
