"""What CI shows of a run."""

from ansible_collections.slipway.core.plugins.module_utils.run_summary import markdown, outputs

DIGEST, OLDER = "sha256:" + "b" * 64, "sha256:" + "a" * 64
RELEASE = {"version": "1.0.42", "build": 42, "commit": "c0ffee", "digest": DIGEST, "image": "r/app"}
PROBE = {"path": "/health", "status": 200, "seconds": 0.02, "trouble": "", "at": 0.31}


def event(phase, **told):
    return {"phase": phase, "step": f"the {phase}", "host": "vm", "status": "ok", "seconds": 1.5, **told}


def deployed(**changes):
    entry = {**RELEASE, "event": "deployed", "environment": "staging"}
    entry["replaced"] = {"version": "1.0.41", "digest": OLDER, "config": "0123"}
    return [
        event("lock", live={"version": "1.0.41", "digest": OLDER}),
        event("health", url="http://127.0.0.1:40000", probes=[PROBE]),
        event("verify", url="http://vm:8081", probes=[{**PROBE, "seconds": 0.5}]),
        event("commit", entry=entry | changes),
    ]


def test_a_deployment_shows_release_health_checks_phases_and_address():
    text = markdown("deploy.yml", deployed(), 9.87, failed=False)
    assert text.startswith("### ✅ 1.0.42 serves staging\n")
    for row in (
        "| version | 1.0.42 |",
        f"| digest | {DIGEST} |",
        "| commit | c0ffee |",
        f"| replaced | 1.0.41 ({OLDER[:19]}) |",
        "| address | http://vm:8081 |",
        "| took | 9.9 s |",
        "| vm | the health | http://127.0.0.1:40000/health | status 200 | 0.31 s | 0.02 s |",
        "| vm | the verify | http://vm:8081/health | status 200 | 0.31 s | 0.50 s |",
        "| verify | 1.5 s |",
    ):
        assert row in text.splitlines()


def test_a_first_deployment_replaced_nothing():
    assert "| replaced | nothing |" in markdown("deploy.yml", deployed(replaced=None), 1, failed=False)


def test_a_failure_shows_its_text_whole_and_what_serves():
    entry = {"version": "1.0.42", "event": "failed", "environment": "staging", "serving": "1.0.41 (sha256:a)"}
    message = "1.0.42 was not deployed\n  | last words\n  next: mend it"
    events = [*deployed()[:2], event("report", entry=entry), event("report", message=message)]
    text = markdown("deploy.yml", events, 3, failed=True)
    assert text.startswith("### ❌ 1.0.42 was not brought to staging\n")
    assert f"~~~text\n{message}\n~~~" in text
    assert "| serves now | 1.0.41 (sha256:a) |" in text
    assert "| address |" not in text


def test_no_text_can_end_its_own_fence():
    text = markdown("deploy.yml", [event("report", message="logs\n~~~~\n# not a title")], 3, failed=True)
    assert "~~~~~text\nlogs\n~~~~\n# not a title\n~~~~~\n" in text


def test_a_refusal_says_that_what_serves_is_untouched():
    events = [deployed()[0], event("gate", message="1.0.42 is not approved: run approve.yml.")]
    text = markdown("deploy.yml", events, 3, failed=True)
    assert text.startswith("### ❌ deploy.yml was refused\n")
    assert f"| serves now | 1.0.41 ({OLDER[:19]}), untouched |" in text


def test_an_approval_tells_by_whom_and_how_that_is_known():
    entry = {**RELEASE, "event": "approved", "environment": "production"}
    entry |= {"approved_by": "ann", "approved_via": "review of GitHub run 7"}
    text = markdown("approve.yml", [event("approval", entry=entry)], 3, failed=False)
    assert text.startswith("### ✅ 1.0.42 is approved for production\n")
    assert "| approved by | ann (review of GitHub run 7) |" in text


def test_cells_cannot_break_the_table():
    text = markdown("rollback.yml", deployed(reason="a | b\nc"), 3, failed=False)
    assert r"| reason | a \| b c |" in text


def test_outputs_are_one_line_each_and_name_the_public_address():
    told = outputs([event("record", release=RELEASE | {"commit": "c0\nffee"}), *deployed()])
    assert told == {
        "version": "1.0.42",
        "build": "42",
        "commit": "c0 ffee",
        "digest": DIGEST,
        "image": "r/app",
        "url": "http://vm:8081",
    }


def test_a_run_without_a_release_has_no_outputs():
    assert outputs([event("validate", message="no")]) == {}
