"""An approval tells which settings it was given for, and no value of them."""

from __future__ import annotations

import json

from ansible_collections.slipway.core.plugins.module_utils import fingerprints
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration

KEY, OTHER_KEY = b"k" * 32, b"l" * 32
PUBLIC = {"env": {"A": "1"}, "volumes": [], "health": {"path": "/health"}}
ASKED = Configuration(PUBLIC, {"TOKEN": "word"}, {"key.pem": "word"})
FRONT = Front({"deploy_port": 8080, "proxy_tls_certificate": "given"}, "global\n", "PEM")


def test_each_setting_is_named_as_the_variable_that_a_user_sets_and_has_no_value() -> None:
    found = fingerprints.of(ASKED, FRONT, KEY)
    assert list(found) == [
        "deploy_env.A",
        "deploy_health_path",
        "deploy_port",
        "deploy_secret_env.TOKEN",
        "deploy_secrets.key.pem",
        "deploy_volumes",
        "proxy_tls_certificate",
        fingerprints.TEMPLATE,
    ]
    assert "word" not in json.dumps(found)
    assert found["deploy_secret_env.TOKEN"] != found["deploy_secrets.key.pem"]
    assert not set(found.values()) & set(fingerprints.of(ASKED, FRONT, OTHER_KEY).values())


def test_a_renewed_certificate_is_no_other_setting() -> None:
    renewed = Front(FRONT.settings, FRONT.config, "another PEM")
    assert fingerprints.of(ASKED, renewed, KEY) == fingerprints.of(ASKED, FRONT, KEY)


def test_where_no_proxy_owns_the_port_there_is_none_of_a_front() -> None:
    assert "deploy_port" not in fingerprints.of(ASKED, None, KEY)
