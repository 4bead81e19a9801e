"""What is pruned, and what is refused, because of what an environment's ledger says."""

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.slipway.core.plugins.module_utils import environment, lock, retention
from ansible_collections.slipway.core.plugins.module_utils import ledger as ledgers
from ansible_collections.slipway.core.plugins.module_utils.history import History


class FakeEngine:
    """Remembers what it was told to do, in order."""

    def __init__(self, digests=(), in_use=()):
        self.done = []
        self._digests = list(digests)
        self._in_use = set(in_use)

    def images(self, image):
        return [{"RepoDigests": [f"{image}@{digest}"]} for digest in self._digests]

    def image(self, reference):
        return {"RepoTags": []}

    def has_image(self, reference):
        return True

    def remove_image(self, reference):
        if reference.rpartition("@")[2] in self._in_use:
            return False
        self.done.append(("remove image", reference))
        return True


def container(name, run, slot="public", running=True):
    return {"name": name, "run": run, "slot": slot, "running": running}


NOW = datetime(2026, 1, 2, tzinfo=UTC)
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def deployed(path, version, digest, **more):
    path.mkdir(exist_ok=True)
    fields = {"version": version, "digest": digest, "config": "c" * 16, "run": version, **more}
    ledgers.append(str(path / environment.LEDGER), "deployed", fields)


def test_an_image_that_any_environment_may_need_survives(tmp_path):
    staging, production = tmp_path / "app-staging", tmp_path / "app-production"
    deployed(production, "1.0.1", A)
    for version, digest in (("1.0.1", A), ("1.0.2", B), ("1.0.3", C)):
        deployed(staging, version, digest)
    engine = FakeEngine([A, B, C])
    pruned = retention.prune(engine, tmp_path, staging, "r/app", keep=1, keep_failed=0, now=NOW)
    assert pruned["images"] == [B]


def test_images_are_pruned_in_every_repository_that_releases_came_from(tmp_path):
    staging = tmp_path / "app-staging"
    for version, digest, image in (("1.0.1", A, "old/app"), ("1.0.2", B, "r/app")):
        deployed(staging, version, digest, image=image)
    engine = FakeEngine([A, B])
    retention.prune(engine, tmp_path, staging, "r/app", keep=1, keep_failed=0, now=NOW)
    assert [reference for _, reference in engine.done] == [f"old/app@{A}", f"r/app@{A}"]


def test_nothing_is_pruned_while_another_environment_is_being_deployed(tmp_path):
    staging, production = tmp_path / "app-staging", tmp_path / "app-production"
    deployed(staging, "1.0.2", B)
    production.mkdir()
    lock.acquire(str(production / environment.LOCK), "alice", "laptop", "run", 60, NOW)

    def pruned(seconds):
        now = NOW + timedelta(seconds=seconds)
        return retention.prune(FakeEngine([A, B]), tmp_path, staging, "r/app", keep=1, keep_failed=0, now=now)["images"]

    assert pruned(59) == []
    assert pruned(60) == [A], "a run that died keeps every image for ever"


def test_a_lock_that_cannot_be_read_protects_every_image(tmp_path):
    staging, production = tmp_path / "app-staging", tmp_path / "app-production"
    deployed(staging, "1.0.2", B)
    production.mkdir()
    (production / environment.LOCK).write_text("{}")
    pruned = retention.prune(FakeEngine([A, B]), tmp_path, staging, "r/app", keep=1, keep_failed=0, now=NOW)
    assert pruned["images"] == []


@pytest.mark.parametrize(("own", "left"), [(1, [A, B]), (3, [])])
def test_each_environment_keeps_as_many_as_it_says_itself(tmp_path, own, left):
    staging, production = tmp_path / "app-staging", tmp_path / "app-production"
    for version, digest in (("1.0.1", A), ("1.0.2", B), ("1.0.3", C)):
        deployed(production, version, digest)
    deployed(staging, "1.0.3", C)
    retention.prune(FakeEngine(), tmp_path, production, "r/app", keep=own, keep_failed=0, now=NOW)
    pruned = retention.prune(FakeEngine([A, B, C]), tmp_path, staging, "r/app", keep=2, keep_failed=0, now=NOW)
    assert pruned["images"] == left


def test_what_an_environment_keeps_is_not_guessed_from_a_damaged_file(tmp_path):
    staging, production = tmp_path / "app-staging", tmp_path / "app-production"
    deployed(production, "1.0.1", A)
    deployed(staging, "1.0.2", B)
    (production / environment.RETENTION).write_text("{}")
    pruned = retention.prune(FakeEngine([A, B]), tmp_path, staging, "r/app", keep=1, keep_failed=0, now=NOW)
    assert pruned["images"] == []
    assert "retention.json is damaged: remove it" in pruned["warning"]


def test_a_ledger_that_cannot_be_trusted_protects_every_image(tmp_path):
    staging, production = tmp_path / "app-staging", tmp_path / "app-production"
    deployed(staging, "1.0.2", B)
    production.mkdir()
    (production / environment.LEDGER).write_text("torn")
    pruned = retention.prune(FakeEngine([A, B]), tmp_path, staging, "r/app", keep=1, keep_failed=0, now=NOW)
    assert pruned["images"] == []
    assert "line 1" in pruned["warning"]


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_the_live_release_and_those_before_it_are_kept(tmp_path, keep):
    staging = tmp_path / "app-staging"
    digests = [f"sha256:{number:064}" for number in range(8)]
    for number, digest in enumerate(digests):
        deployed(staging, f"1.0.{number}", digest)
    pruned = retention.prune(FakeEngine(digests), tmp_path, staging, "r/app", keep, keep_failed=0, now=NOW)
    assert pruned["images"] == digests[: 8 - keep]


EMPTY = History([])


def taken_over(run, *after):
    return lock.Lock("alice", "laptop", run, NOW, NOW, 60, after)


@pytest.mark.parametrize(
    ("running", "slot", "interrupted"),
    [
        (True, "public", taken_over("run-1")),
        (True, "public", taken_over("run-3", "run-2", "run-1")),
        (False, "public", None),
        (True, "candidate", None),
    ],
)
def test_what_an_interrupted_first_deployment_left_is_known(running, slot, interrupted, tmp_path):
    ours = [container("new", "run-1", slot, running)]
    environment.refuse_unknown(ours, EMPTY, interrupted, tmp_path / "ledger.jsonl")


def test_what_a_first_deployment_left_is_known_when_the_ledger_tells_of_it(tmp_path):
    fields = {"version": "1.0.1", "digest": A, "config": "c", "container_run": "run-1", "run": "run-1"}
    for event in ("paused", "failed"):
        told = History([{"seq": 1, "event": event, **fields}])
        environment.refuse_unknown([container("new", "run-1")], told, None, tmp_path / "ledger.jsonl")


def test_a_container_that_serves_without_a_ledger_is_not_touched(tmp_path):
    with pytest.raises(ValueError, match=r"new serves here, and .*ledger\.jsonl does not exist: correct"):
        environment.refuse_unknown([container("new", "run-1")], EMPTY, taken_over("run-2"), tmp_path / "ledger.jsonl")
    path = tmp_path / environment.LEDGER
    deployed(tmp_path, "1.0.1", A)
    environment.refuse_unknown([container("new", "run-1")], History(ledgers.read(str(path))), None, path)
