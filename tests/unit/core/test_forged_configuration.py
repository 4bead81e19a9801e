"""A configuration is used only while it is what its hash, and so the ledger and an approval, stands for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import environment, snapshot
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration, SnapshotDamaged
from ansible_collections.slipway.core.plugins.modules import environment_info
from target_model import APP, Target
from target_modules import call
from target_runs import Run
from test_target_model import finish, fresh

KEY = bytes(range(32))
EXAMPLE = Configuration({"port": 8000, "volumes": []}, {"TOKEN": "x"}, {"tls.key": "key", "empty": ""})
HASH = snapshot.config_hash(EXAMPLE.public, EXAMPLE.secrets, KEY)


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path)


def keep(directory: str) -> bool:
    given = EXAMPLE.public, EXAMPLE.secrets_env, EXAMPLE.secret_files
    return snapshot.write(directory, HASH, *given, os.getuid(), os.getgid())


@pytest.mark.parametrize("forge", ["volumes", "secret", "file", "another file", "not JSON"])
def test_what_is_not_what_its_hash_stands_for_is_never_read(directory: str, forge: str) -> None:
    Path(directory, "config.key").write_bytes(KEY)
    keep(directory)
    at = Path(directory, "configs", HASH)
    index = json.loads((at / "config.json").read_text())
    reason = "the content is not what its hash stands for"
    if forge == "volumes":
        index["public"]["volumes"] = ["/:/host"]
    elif forge == "secret":
        index["secrets_env"]["TOKEN"] = "mine"
    elif forge == "file":
        (at / "files/tls.key").write_text("edited")
    elif forge == "another file":
        (at / "files/authorized").write_text("mine")
        reason = "files/authorized: nobody has kept a file of this name"
    else:
        index["public"]["port"], reason = float("nan"), "not as it was written"
    (at / "config.json").write_text(json.dumps(index))
    with pytest.raises(SnapshotDamaged, match=reason):
        snapshot.read(directory, HASH, KEY)
    assert not snapshot.is_sound(directory, HASH)
    assert keep(directory)
    assert snapshot.read(directory, HASH, KEY) == EXAMPLE
    assert snapshot.is_sound(directory, HASH)


def test_without_its_key_nothing_is_read(directory: str) -> None:
    keep(directory)
    with pytest.raises(SnapshotDamaged, match="the key is missing") as damage:
        snapshot.read(directory, HASH, None)
    assert damage.value.of_key
    assert not snapshot.is_sound(directory, HASH)
    for load in (snapshot.load_key, snapshot.load_or_create_key):
        with pytest.raises(SnapshotDamaged, match="the key is missing, and configurations are kept with it"):
            load(directory)
    assert not Path(directory, "config.key").exists(), "another key takes its place"
    snapshot.prune(directory, [])
    assert snapshot.load_or_create_key(directory)


VOLUMES = ["/:/host"]


def forge(target: Target, config: str) -> None:
    """Somebody edits what is kept; the ledger stays as it is."""
    path = target.home("staging") / "configs" / config / "config.json"
    content = json.loads(path.read_text())
    content["public"]["volumes"] = VOLUMES
    path.write_text(json.dumps(content))


def ship(target: Target, version: str, **options: Any) -> Run:
    target.registry.push(version)
    run = Run(target, "staging", **options)
    assert finish(run) == "done", run.message
    return run


def status(target: Target) -> dict[str, Any]:
    where = {"directory": str(target.directory), "app": APP, "environment": "staging"}
    return call(target, environment_info, **where)


def mounted(target: Target) -> list[Any]:
    return [it["HostConfig"].get("Binds") for it in target.containers if VOLUMES[0] in str(it["HostConfig"])]


@pytest.mark.parametrize("strategy", ["blue_green", "recreate"])
def test_a_forged_configuration_of_the_live_release_is_told_and_never_repaired_from(strategy: str) -> None:
    with fresh() as target:
        config = ship(target, "1.0.1", strategy=strategy).open["config"]
        before = target.history("staging").live()
        forge(target, config)
        seen = status(target)
        (found,) = seen["drift"]
        assert (found["what"], found["repair"]) == ("kept configuration", "replace")
        assert found["told"].endswith(f"configs/{config}: the content is not what its hash stands for")
        again = Run(target, "staging", strategy=strategy, tampered=True)
        assert finish(again) == "done", again.message
        assert not mounted(target)
        assert not again.open["config_kept"], "a name is taken for the content"
        assert snapshot.is_sound(str(target.home("staging")), config), "the deployment has not written it anew"
        assert target.history("staging").live()["container_run"] != before["container_run"]
        assert status(target)["drift"] == []


def test_another_release_is_deployed_with_what_is_asked_and_not_with_what_was_forged() -> None:
    with fresh() as target:
        config = ship(target, "1.0.1").open["config"]
        forge(target, config)
        ship(target, "1.0.2", tampered=True)
        assert not mounted(target)
        assert snapshot.is_sound(str(target.home("staging")), config)


def test_nobody_goes_back_to_a_forged_configuration() -> None:
    with fresh() as target:
        config = ship(target, "1.0.1", config="a").open["config"]
        ship(target, "1.0.2", config="b")
        forge(target, config)
        for warm in (600, 0):
            back = Run(target, "staging", kind="rollback", warm_standby=warm)
            assert finish(back) == "refused"
            assert "the content is not what its hash stands for: no container is made from it until" in back.message
        assert target.history("staging").live()["version"] == "1.0.2"
        assert not mounted(target)


def test_a_canary_whose_configuration_was_forged_is_given_up_and_not_promoted() -> None:
    with fresh() as target:
        ship(target, "1.0.1", config="a")
        waiting = ship(target, "1.0.2", config="b", strategy="canary", pause=True)
        forge(target, waiting.open["config"])
        options = {"config": "b", "strategy": "canary"}
        assert finish(Run(target, "staging", kind="promote", **options)) == "refused"
        assert finish(Run(target, "staging", kind="abort", **options)) == "done"
        assert target.history("staging").live()["version"] == "1.0.1"


def test_a_lost_key_is_told_and_no_other_one_takes_its_place() -> None:
    with fresh() as target:
        ship(target, "1.0.1")
        home = target.home("staging")
        (home / "config.key").unlink()
        (found,) = status(target)["drift"]
        assert (found["what"], found["repair"]) == ("key of the configurations", "restore")
        again = Run(target, "staging", tampered=True)
        assert finish(again) == "refused"
        assert f"restore that file from a backup, or remove {home / 'configs'}" in again.message
        assert not (home / "config.key").exists()
        assert environment.sound(home, target.history("staging").live()) is None
