"""What a failed deployment says."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.core.plugins.module_utils import failure, fates, verdict

LIVE = {"version": "1.0.41", "digest": "sha256:" + "a" * 64, "config": "0123456789abcdef"}


def facts(**changes):
    return {
        "env": "staging",
        "kind": "deploy",
        "host": "myapp-staging",
        "task": "slipway.core.deploy : Health | The candidate proves itself",
        "result": {"msg": "http://127.0.0.1:1/health is not healthy: its container exited with code 3", "probes": []},
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
    told = {"result": {"msg": "answered hunter2!"}, "aftermath": "with hunter2%21"}
    report = failure.report(facts(**told, serving={"msg": "as aHVudGVyMiE="}))
    assert "hunter2" not in str(report)
    assert "aHVudGVyMiE" not in str(report)
    assert "********" in report["text"]


def test_what_may_hold_a_secret_is_not_told_when_they_could_not_be_read():
    report = failure.report(facts(secrets=None, result={"msg": "it failed", "body": "hunter2!"}))
    assert "hunter2" not in str(report)
    assert "it failed." in report["text"]


def test_a_bad_candidate_that_cannot_be_looked_at_is_not_taken_for_the_live_release():
    text = failure.report(facts(container={"msg": "Docker Engine does not answer"}))["text"]
    assert "mend it and ship a new build" in text


def test_what_serves_is_not_made_up_when_it_could_not_be_read():
    text = failure.report(facts(serving={"msg": "Docker Engine does not answer."}))["text"]
    assert "serving now: not known (Docker Engine does not answer): status.yml tells" in text


def test_what_serves_is_not_made_up_when_it_was_not_asked():
    assert "serving now: not known" in failure.report(facts(serving={}))["text"]


@pytest.mark.parametrize("kind", ["deploy", "rollback", "promote", "abort"])
def test_it_says_what_could_not_be_done(kind):
    assert f"1.0.42 {failure.FAILED[kind]} staging" in failure.report(facts(kind=kind))["text"]


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


def next_of(**changes):
    (line,) = [line for line in failure.report(facts(**changes))["text"].splitlines() if line.startswith("  next:")]
    return line


@pytest.mark.parametrize(
    ("task", "result"),
    [
        ("Health | The candidate proves itself", {"msg": "it exited", "probes": []}),
        ("Canary | 5 % of the traffic", {"msg": "the candidate is bad", "evidence": {"weight": 5}}),
        ("Cut-over | Send the traffic to the new slot", {"msg": "it fails more often", "probes": [], "soak": {}}),
        ("Cut-over | Send the traffic to the new slot", {"msg": "not healthy just before the cut-over", "body": ""}),
        ("Verify | The public port answers on the VM", {"msg": "status 500", "probes": []}),
    ],
)
def test_a_release_that_is_bad_needs_a_new_build(task, result):
    line = next_of(task=f"slipway.core.deploy : {task}", result=result)
    assert "ship a new build (build.yml, then deploy.yml -e env=staging)" in line
    assert "firewall" not in line


def test_a_new_build_goes_to_production_by_way_of_staging():
    assert "build.yml, then staging and approve.yml, deploy.yml -e env=production" in next_of(env="production")


def test_a_release_that_only_the_controller_cannot_reach_needs_no_new_build():
    line = next_of(
        task="slipway.core.deploy : Verify | The public address answers from the controller",
        result={"msg": "not healthy", "probes": [], "body": "", "url": "http://vm.example.com:8081"},
    )
    assert "healthy on myapp-staging, and not at http://vm.example.com:8081 from here" in line
    assert "check firewall, deploy_port and deploy_public_url" in line
    assert "build" not in line


def test_a_canary_with_too_few_requests_needs_requests():
    reason = f"At 5 % of the traffic the candidate is bad: {verdict.UNDECIDED} 600 s: 0 of 0 requests failed."
    line = next_of(task="Canary | 5 % of the traffic", result={"msg": reason, "evidence": {"weight": 5}})
    assert "send it more requests, or change deploy_canary_min_requests" in line
    assert "build" not in line


def test_the_image_that_is_live_already_needs_other_settings_and_no_new_build():
    line = next_of(
        task="Health | The candidate answers",
        result={"msg": "status 404", "probes": []},
        release={"version": "1.0.41", "digest": LIVE["digest"], "commit": "c"},
    )
    assert "look at the settings that differ, and run the same command again" in line


def test_a_live_release_that_is_unhealthy_can_be_gone_back_from():
    line = next_of(
        task="Health | The live release is the one asked for; nothing to do",
        result={"msg": "status 500", "probes": []},
        container={},
    )
    assert "see its log on myapp-staging, and go back with rollback.yml or ship a new build" in line


@pytest.mark.parametrize(
    "task", ["Front | Put it to work", "Cut-over | Hand the public port to the proxy", "Commit | Write the release"]
)
def test_what_has_nothing_to_do_with_the_release_needs_no_new_build(task):
    line = next_of(task=f"slipway.core.deploy : {task}", result={"msg": "No space left on device."})
    assert "put that right, and run the same command again" in line
    assert "build" not in line


def test_the_task_that_asks_from_the_controller_is_known_by_its_name():
    file = Path(__file__).parents[3] / "ansible/roles/deploy/tasks/verify_public.yml"
    (task,) = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert task["name"].endswith(failure.FROM_CONTROLLER)
    assert task["delegate_to"] == "localhost"


OPENED = {"live": LIVE, "run": {"id": "r"}}
COMMITTED = {"entry": {"version": "1.0.42"}}
FAILED = {"task": "Health | The candidate proves itself", "result": {"msg": "no"}}
GIVEN_UP = {"task": "", "result": {"msg": "another host of this environment failed"}}


def three(**one):
    """The first of three hosts as it is given, the second failed, the third one is yet to come."""
    variables = {"one": one, "two": {"__deploy_open": OPENED, "__deploy_cause": FAILED}, "three": {}}
    earlier = one.pop("earlier", [])
    return fates.fates(variables, ["one", "two", "three"], earlier)


def became(hosts):
    return [fate["became"] for fate in hosts]


def test_what_became_of_each_host():
    entry = {"item": "one", "entry": {"version": "1.0.41"}}
    hosts = three(__deploy_open=OPENED, __deploy_committed=COMMITTED, earlier=[entry])
    assert became(hosts) == [
        "1.0.41 serves there again",
        "1.0.41 serves there as before",
        "not come to, and so not touched",
    ]
    assert [fate["failed"] for fate in hosts] == [False, True, False]
    assert [fate["switched"] for fate in hosts] == [True, False, False]


def test_a_host_of_the_same_batch_goes_back_by_itself():
    back = {"__deploy_cause": GIVEN_UP, "__deploy_undone": {"entry": {"version": "1.0.41"}}}
    assert became(three(__deploy_open=OPENED, __deploy_committed=COMMITTED, **back))[0] == "1.0.41 serves there again"


def test_a_host_that_cannot_go_back_says_what_it_serves_and_why():
    undone = {"failed": True, "msg": "It could not be gone back on, run rollback.yml: it is gone."}
    hosts = three(__deploy_open=OPENED, __deploy_committed=COMMITTED, __deploy_undone=undone)
    assert became(hosts)[0] == (
        "1.0.42 serves there still, because it could not be gone back on, run rollback.yml: it is gone"
    )


def test_the_first_release_of_a_host_stays():
    undone = {"entry": None, "story": "it is the first release there"}
    hosts = three(__deploy_open={"live": None}, __deploy_committed=COMMITTED, __deploy_undone=undone)
    assert became(hosts)[0] == "1.0.42 serves there still, because it is the first release there"


def test_a_host_that_was_never_reached_was_not_touched():
    answer = {"unreachable": True, "msg": "Failed to connect to the host via ssh: ssh: connect: Connection refused."}
    cause = fates.out_of_reach([answer, {}], "one")
    hosts = fates.fates({"one": {"__deploy_open": answer, "__deploy_cause": cause}}, ["one"], [])
    assert [fate["failed"] for fate in hosts] == [True]
    assert became(hosts) == ["nothing was touched there"]
    text = failure.report(facts(host="one", container={}, hosts=hosts, **cause))["text"]
    assert text.startswith("one cannot be reached over SSH, so nothing was changed on it from here on: connect: ")


def test_a_host_that_gets_lost_on_the_way_has_failed():
    cause = fates.out_of_reach([{}, {"unreachable": True, "msg": "ssh: gone"}], "one")
    variables = {"one": {"__deploy_open": OPENED, "__deploy_cause": cause}, "two": {"__deploy_cause": GIVEN_UP}}
    hosts = fates.fates(variables, ["one", "two"], [])
    assert [fate["failed"] for fate in hosts] == [True, False]
    assert became(hosts)[0] == "it cannot be reached any more, and what serves there is not known"


def test_a_host_that_was_lost_while_it_recorded_the_release_and_has_gone_back_says_so():
    cause = fates.out_of_reach([{"unreachable": True, "msg": "ssh: gone"}], "one")
    lost = {"unreachable": True, "msg": "ssh: gone"}
    undone = {"entry": {"version": "1.0.41"}}
    hosts = three(__deploy_open=OPENED, __deploy_committed=lost, __deploy_cause=cause, __deploy_undone=undone)
    assert became(hosts)[0] == "1.0.41 serves there again"
    assert (hosts[0]["failed"], hosts[0]["switched"]) == (True, True)


def test_a_host_of_another_environment_that_is_out_of_reach_is_named():
    staging = {"unreachable": True, "results": [{"unreachable": True, "item": "staging-2", "msg": "ssh: refused"}]}
    assert fates.out_of_reach([staging], "prod")["result"]["msg"].startswith("staging-2 cannot be reached over SSH")
    assert fates.out_of_reach([{}, {"msg": "well"}], "prod") == {"lost": False}


def test_a_failure_lists_the_other_hosts():
    hosts = three(__deploy_open=OPENED, __deploy_cause=GIVEN_UP)
    text = failure.report(facts(host="two", hosts=hosts))["text"]
    assert "1.0.42 was not deployed to staging on two: health:" in text
    assert "other hosts: one: 1.0.41 serves there as before" in text
    assert "three: not come to, and so not touched" in text


def test_a_host_that_was_given_up_says_for_which_other_one():
    hosts = three(__deploy_open=OPENED, __deploy_cause=GIVEN_UP)
    report = failure.report(facts(host="one", task="", result=GIVEN_UP["result"], hosts=hosts))
    assert report["text"] == "one was given up, because two failed: 1.0.41 serves there as before."
    assert report["entry"]["reason"] == "two failed."


def test_a_refusal_after_other_hosts_had_switched_tells_of_them():
    refused = {"task": "Preflight | The disk has room", "result": {"msg": "No room."}, "container": {}}
    earlier = [{"item": "one", "entry": {"version": "1.0.41"}}]
    hosts = three(__deploy_open=OPENED, __deploy_committed=COMMITTED, earlier=earlier)
    assert failure.report(facts(host="two", hosts=hosts, **refused))["text"].splitlines() == [
        "No room.",
        "  other hosts: one: 1.0.41 serves there again",
        "               three: not come to, and so not touched",
    ]
