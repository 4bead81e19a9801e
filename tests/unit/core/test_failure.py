"""What a failed deployment says."""

from ansible_collections.slipway.core.plugins.module_utils import failure

LIVE = {"version": "1.0.41", "digest": "sha256:" + "a" * 64, "config": "0123456789abcdef"}


def facts(**changes):
    return {
        "env": "staging",
        "kind": "deploy",
        "host": "myapp-staging",
        "task": "slipway.core.deploy : Health | The candidate proves itself",
        "result": {"msg": "http://127.0.0.1:1/health is not healthy: its container exited with code 3"},
        "aftermath": "",
        "release": {"version": "1.0.42", "digest": "sha256:" + "b" * 64, "commit": "c"},
        "container": {
            "exists": True,
            "name": "myapp-staging-1.0.42-x-candidate",
            "running": False,
            "exit_code": 3,
            "logs": ["starting", "password is hunter2!"],
        },
        "serving": {"live": LIVE, "serving": {"running": True}},
        "secrets": ["hunter2!"],
    } | changes


def test_it_says_what_failed_the_evidence_what_serves_and_what_to_do():
    text = failure.report(facts())["text"]
    assert "1.0.42 was not deployed to staging on myapp-staging: health:" in text
    assert "exited with code 3" in text
    assert "| starting" in text
    assert "serving now: 1.0.41" in text
    assert "next:" in text


def test_secrets_are_hidden_in_text_and_ledger():
    report = failure.report(facts(result={"msg": "answered hunter2!"}))
    assert "hunter2" not in str(report)
    assert "********" in report["text"]


def test_each_line_of_a_secret_with_several_lines_is_hidden():
    key = "-----BEGIN-----\nkey-material\n-----END-----"
    report = failure.report(
        facts(secrets=[key], container={"exists": True, "running": True, "name": "n", "logs": ["key-material"]})
    )
    assert "key-material" not in str(report)


def test_a_refusal_is_one_sentence():
    report = failure.report(
        facts(
            task="slipway.core.deploy : Preflight | The disk has room",
            result={"msg": "No room."},
            container={},
        )
    )
    assert report["text"] == "No room."


def test_the_ledger_gets_the_phase_and_what_serves():
    entry = failure.report(facts())["entry"]
    assert entry["phase"] == "health"
    assert entry["evidence"]["exit_code"] == 3
    assert entry["serving"].startswith("1.0.41")


def test_a_first_deployment_that_fails_leaves_nothing_serving():
    assert "first deployment" in failure.report(facts(serving={"live": None, "serving": None}))["text"]


def test_the_answers_body_is_evidence_without_its_secrets():
    report = failure.report(facts(result={"msg": "status 500", "body": '{"db":\n "hunter2!"}\n'}))
    assert 'answer:      {"db": "********"}' in report["text"]
    assert report["entry"]["evidence"]["answer"] == '{"db": "********"}'


def test_a_failed_pull_says_that_nothing_was_touched():
    report = failure.report(facts(task="Pull | The image by its digest", result={"msg": "no space left"}, container={}))
    assert report["text"].startswith("no space left. Nothing that serves was touched")


def test_trouble_with_putting_the_old_release_back_is_told_too():
    assert "failed too: port is taken" in failure.report(facts(aftermath="port is taken"))["text"]
