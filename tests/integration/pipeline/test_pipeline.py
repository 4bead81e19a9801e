"""The workflow files, executed: what a push to main, and a rollback by hand, do to registry, git and both environments.

The tests tell one story in order: each starts from what the one before it has left.
"""

from __future__ import annotations

from tests.integration.pipeline.pipeline import Pipeline


def serving(pipeline: Pipeline) -> dict[str, str]:
    """The version that each environment answers with."""
    return {env: pipeline.application.answer(env)["version"] for env in ("staging", "production")}


def test_push_ships_one_build_to_both_environments(pipeline: Pipeline) -> None:
    commit = pipeline.repository.push("First release")
    run = pipeline.push("green")
    assert run.code == 0, run.output
    assert run.jobs == dict.fromkeys(["Test", "Build", "Staging", "Production"], "success")

    version, digest = pipeline.version(), pipeline.digest(pipeline.version())
    assert serving(pipeline) == {"staging": version, "production": version}
    assert pipeline.digest("build-1") == pipeline.digest("latest") == digest
    assert digest in pipeline.repository.tag(version)
    assert run.output.count(f"built {pipeline.repository.image}:") == 1

    for env in ("staging", "production"):
        deployed = pipeline.application.ledger(env)[-1]
        assert (deployed["event"], deployed["version"], deployed["digest"]) == ("deployed", version, digest)
        assert (deployed["commit"], deployed["actor"]) == (commit, "carol")
    approved = pipeline.application.ledger("production")[0]
    assert (approved["event"], approved["approved_by"]) == ("approved", "alice")
    assert (approved["approved_via"], approved["digest"]) == ("workflow secret SLIPWAY_APPROVER", digest)

    for job, env in (("Staging", "staging"), ("Production", "production")):
        summary = run.summaries[job]
        assert f"### ✅ {version} serves {env}" in summary
        for row in (f"| digest | {digest} |", f"| commit | {commit} |", "| replaced | nothing |"):
            assert row in summary
        assert f"| address | {pipeline.application.url(env)} |" in summary
        assert "| health | " in summary
        assert "/health | status 200 |" in summary
    assert "### ✅ build.yml: " in run.summaries["Build"]


def test_rerun_of_the_same_run_reuses_the_image_and_changes_nothing(pipeline: Pipeline) -> None:
    digest, running = pipeline.digest("1.0.1"), pipeline.application.running()
    run = pipeline.push("re-run", number=1)
    assert run.code == 0, run.output
    assert pipeline.digest("1.0.1") == digest
    assert f"built {pipeline.repository.image}:" not in run.output
    assert pipeline.application.running() == running


def test_missing_approval_leaves_production_untouched(pipeline: Pipeline) -> None:
    ledger = pipeline.application.ledger("production")
    running = pipeline.application.containers("production").keys()
    pipeline.repository.push("A release that nobody approves")
    run = pipeline.push("not approved", approver="")
    assert run.code != 0
    assert run.jobs["Production"] == "failure"
    assert serving(pipeline) == {"staging": pipeline.version(), "production": "1.0.1"}
    assert pipeline.application.ledger("production") == ledger
    assert pipeline.application.containers("production").keys() == running
    assert "Production was not touched" in run.summaries["Production is untouched"]


def test_approval_by_somebody_who_may_not_leaves_production_untouched(pipeline: Pipeline) -> None:
    ledger = pipeline.application.ledger("production")
    run = pipeline.push("approved by a stranger", number=pipeline.runs, approver="mallory")
    assert run.code != 0
    assert "mallory may not approve for production" in run.summaries["Production"]
    assert serving(pipeline)["production"] == "1.0.1"
    assert pipeline.application.ledger("production") == ledger
    assert "Production was not touched" in run.summaries["Production is untouched"]


def test_release_that_fails_in_production_is_rolled_back_there(pipeline: Pipeline) -> None:
    pipeline.repository.environment(
        "production", {"deploy_port": 8093, "release_approvers": ["alice"]}, APP_FAULT="broken_root"
    )
    pipeline.repository.push("A release whose production settings break it")
    run = pipeline.push("fails in production")
    assert run.code != 0
    assert run.jobs == {"Test": "success", "Build": "success", "Staging": "success", "Production": "failure"}
    assert serving(pipeline) == {"staging": pipeline.version(), "production": "1.0.1"}
    summary = run.summaries["Production"]
    assert f"### ❌ {pipeline.version()} was not brought to production" in summary
    assert "| serves now | 1.0.1 (" in summary
    assert "next:" in summary
    assert "fails while it says it is ready" in summary


def test_release_that_fails_in_staging_stays_there(pipeline: Pipeline) -> None:
    before, ledger = serving(pipeline), pipeline.application.ledger("production")
    pipeline.repository.environment("production", {"deploy_port": 8093, "release_approvers": ["alice"]})
    pipeline.repository.break_image("exit")
    pipeline.repository.push("A release that ends at start")
    run = pipeline.push("fails in staging")
    assert run.code != 0
    assert run.jobs == {"Test": "success", "Build": "success", "Staging": "failure"}
    assert serving(pipeline) == before
    assert pipeline.application.ledger("production") == ledger
    assert "its container exited with code 1" in run.summaries["Staging"]


def test_rollback_by_hand(pipeline: Pipeline) -> None:
    reason = 'it "drops" orders; $(touch /tmp/x) {{ 1 }}'
    run = pipeline.dispatch("rollback", "rollback.yml", environment="staging", version="", reason=reason)
    assert run.code == 0, run.output
    rolled_back = pipeline.application.ledger("staging")[-1]
    assert (rolled_back["event"], rolled_back["kind"], rolled_back["version"]) == ("deployed", "rollback", "1.0.2")
    assert (rolled_back["reason"], rolled_back["actor"]) == (reason, "carol")
    assert serving(pipeline)["staging"] == "1.0.2"
    assert "### ✅ 1.0.2 serves staging" in run.summaries["Roll back"]
