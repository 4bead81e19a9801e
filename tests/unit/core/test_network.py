"""An environment's own network keeps its containers from their neighbours, unless others are named."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.core.plugins.module_utils import network, wanted
from target_engine import Engine
from target_model import Target

OWN = "slipway-app-staging"
SECRETS = '{"env": {}, "files": {}}'


@pytest.fixture
def engine(tmp_path) -> Engine:
    return Engine(Target(tmp_path))


def test_without_networks_of_the_user_a_release_is_on_its_environments_own():
    assert wanted.configuration({"env": {}, "networks": []}, SECRETS, "app-staging").public["networks"] == [
        {"name": OWN}
    ]


def test_networks_of_the_user_are_taken_as_they_are():
    named = [{"name": "shop", "aliases": ["web"]}]
    assert wanted.configuration({"env": {}, "networks": named}, SECRETS, "app-staging").public["networks"] == named


def test_it_is_made_once_and_without_a_way_between_containers(engine):
    for _ in range(2):
        network.provide(engine, [{"name": OWN}], "app", "staging")
    assert engine.network(OWN)["Options"] == {"com.docker.network.bridge.enable_icc": "false"}
    network.refuse_missing(engine, [{"name": OWN}], "app", "staging")


def test_it_is_not_made_where_others_are_named(engine):
    network.provide(engine, [{"name": "shop"}], "app", "staging")
    assert engine.network(OWN) is None


def test_it_may_be_missing_and_others_may_not(engine):
    network.refuse_missing(engine, [{"name": OWN}], "app", "staging")
    with pytest.raises(ValueError, match="deploy_networks has 'shop', which Docker does not know here"):
        network.refuse_missing(engine, [{"name": OWN}, {"name": "shop"}], "app", "staging")


def test_a_network_of_its_name_that_somebody_else_made_is_refused(engine):
    engine.create_network(OWN, {}, {})
    with pytest.raises(ValueError, match=f"a network {OWN}, which is not Slipway's"):
        network.refuse_missing(engine, [{"name": OWN}], "app", "staging")
