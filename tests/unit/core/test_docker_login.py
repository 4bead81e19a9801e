"""The private copy of a user's Docker configuration."""

from __future__ import annotations

from ansible_collections.slipway.core.plugins.module_utils.docker_login import private_configuration

SERVER = "registry.example.com"


def test_a_user_without_configuration_gets_an_empty_one() -> None:
    assert private_configuration({}, SERVER, "/home/ada/.docker/cli-plugins") == {
        "auths": {},
        "credHelpers": {},
        "cliPluginsExtraDirs": ["/home/ada/.docker/cli-plugins"],
    }


def test_plugins_proxies_and_other_logins_are_kept_and_ours_is_left_out() -> None:
    own = {
        "auths": {"other.example.com": {"auth": "YTpi"}, SERVER: {"auth": "b2xk"}},
        "proxies": {"default": {"httpProxy": "http://proxy.example.com"}},
        "cliPluginsExtraDirs": ["/opt/plugins"],
        "currentContext": "elsewhere",
    }
    copied = private_configuration(own, SERVER, "/p")
    assert copied["auths"] == {"other.example.com": {"auth": "YTpi"}}
    assert copied["proxies"] == own["proxies"]
    assert copied["cliPluginsExtraDirs"] == ["/opt/plugins", "/p"]
    assert "currentContext" not in copied


def test_a_credential_store_keeps_its_logins_and_does_not_get_the_new_one() -> None:
    own = {
        "auths": {"https://index.docker.io/v1/": {}, SERVER: {}},
        "credsStore": "desktop",
        "credHelpers": {"gcr.example.com": "gcloud", SERVER: "pass"},
    }
    copied = private_configuration(own, SERVER, "/p")
    assert "credsStore" not in copied
    assert copied["credHelpers"] == {"https://index.docker.io/v1/": "desktop", "gcr.example.com": "gcloud"}
