"""Images that are kept have a tag of each environment that keeps them, so that docker image prune takes none."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.core.plugins.module_utils import environment, held, ledger, retention
from target_engine import IMAGE, Engine
from target_gates import approve
from target_model import Target
from target_runs import KEEP, Run
from test_target_model import finish, fresh


def ship(target: Target, version: str, env: str = "staging") -> str:
    """Deploy a version; returns its digest."""
    if env == "staging":
        target.registry.push(version)
    run = Run(target, env)
    if env == "production":
        approve(target, version, 1.0, run._configuration(), run._front())
    assert finish(run) == "done", run.message
    return str(run.release["digest"])


def tags(target: Target, digest: str) -> set[str]:
    return {name for name, reference in target.tags.items() if reference == f"{IMAGE}@{digest}"}


def name(env: str, digest: str) -> str:
    return f"{IMAGE}:{held.tag(f'myapp-{env}', digest)}"


@pytest.mark.parametrize("known", [True, False])
def test_somebody_who_prunes_images_takes_no_rollback_away(known: bool) -> None:
    """Nor where an earlier version has pulled them, once a deployment has ended."""
    with fresh() as target:
        digests = [ship(target, "1.0.1"), ship(target, "1.0.2")]
        target.containers[:] = [it for it in target.containers if not it["Image"].endswith(digests[0])]
        if not known:
            target.tags.clear()
            assert finish(Run(target, "staging", config="b")) == "done"
            target.containers[:] = [it for it in target.containers if it["State"]["Running"]]
        target.prune_untagged()
        back = Run(target, "staging", kind="rollback", version="1.0.1", trouble="pull")
        assert finish(back) == "done", back.message


def test_each_environment_holds_its_own_and_no_image_that_is_gone_keeps_a_tag() -> None:
    with fresh() as target:
        first = ship(target, "1.0.1")
        ship(target, "1.0.1", "production")
        assert tags(target, first) == {name("staging", first), name("production", first)}
        later = [ship(target, f"1.0.{number}") for number in range(2, KEEP["staging"] + 4)]
        assert name("production", first) in tags(target, first), "staging has let go what production needs"
        gone = [digest for digest in later if f"{IMAGE}@{digest}" not in target.images]
        assert gone, "nothing was pruned"
        assert not any(tags(target, digest) for digest in gone)
        kept = [digest for digest in later if digest not in gone]
        assert all(tags(target, digest) == {name("staging", digest)} for digest in kept)


def test_an_image_in_use_keeps_its_names() -> None:
    with fresh() as target:
        digest = "sha256:" + "a" * 64
        target.images.add(f"{IMAGE}@{digest}")
        held.hold(Engine(target), IMAGE, digest, "myapp-staging")  # type: ignore[arg-type]
        own = {"Id": "1", "Image": f"{IMAGE}@{digest}", "Config": {"Labels": {}}, "State": {"Running": False}}
        target.containers.append({**own, "comes_back": False})
        assert not retention.let_go(Engine(target), IMAGE, digest)  # type: ignore[arg-type]
        assert tags(target, digest)
        target.containers.clear()
        assert retention.let_go(Engine(target), IMAGE, digest)  # type: ignore[arg-type]
        assert not target.images
        assert not target.tags


def test_what_came_from_another_repository_is_held_there() -> None:
    with fresh() as target:
        other, digest = "old.example/team/myapp", "sha256:" + "a" * 64
        home = target.home("staging")
        home.mkdir()
        fields = {"version": "1.0.0", "digest": digest, "config": "c" * 16, "run": "r", "image": other}
        fields["slot"] = "public"
        ledger.append(str(home / environment.LEDGER), "deployed", fields)
        target.images.add(f"{other}@{digest}")
        held.hold_all(Engine(target), target.directory, IMAGE, 2, 0)  # type: ignore[arg-type]
        assert tags(target, "") == set()
        assert target.tags == {f"{other}:{held.tag(home.name, digest)}": f"{other}@{digest}"}


def test_a_ledger_that_is_damaged_keeps_nobody_from_holding_the_rest() -> None:
    with fresh() as target:
        digest = ship(target, "1.0.1")
        target.tags.clear()
        target.home("production").mkdir()
        (target.home("production") / environment.LEDGER).write_text("torn")
        held.hold_all(Engine(target), target.directory, IMAGE, 2, 0)  # type: ignore[arg-type]
        assert tags(target, digest) == {name("staging", digest)}


def test_tags_are_what_docker_accepts_and_no_two_digests_share_one() -> None:
    made = {held.tag("a" * 200 + "-production", f"sha256:{number:064x}") for number in (1, 2)}
    assert len(made) == 2
    assert all(len(tag) <= 128 for tag in made)


def test_an_image_is_held_as_soon_as_it_is_pulled() -> None:
    with fresh() as target:
        ship(target, "1.0.1")
        pull = target.trace.index("release_fetch: pull 001")
        assert target.trace[pull + 1] == "release_fetch: tag 001"


@pytest.mark.parametrize("forged", [b'{"keep": 1, "keep_failed": 0}', b""])
def test_how_much_an_environment_keeps_is_what_its_ledger_tells(forged: bytes) -> None:
    """Its file, which nobody proves, takes away no image that a rollback of it needs, nor does its end."""
    with fresh() as target:
        wanted = []
        for number in range(1, KEEP["production"] + 1):
            wanted.append(ship(target, f"1.0.{number}"))
            ship(target, f"1.0.{number}", "production")
        path = target.home("production") / environment.RETENTION
        path.write_bytes(forged) if forged else path.unlink()
        for number in range(5, 9):
            ship(target, f"1.0.{number}")
        assert {f"{IMAGE}@{digest}" for digest in wanted} <= target.images
