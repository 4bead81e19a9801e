"""Who approved a GitHub Actions run, from what the API answers."""

import pytest
from ansible_collections.slipway.core.plugins.module_utils.github_run import (
    Unapproved,
    consent_of,
    named,
    refuse_other_release,
    reviews_path,
    run_path,
)


def review(login="ann", state="approved", environment="production"):
    return {"state": state, "user": {"login": login}, "environments": [{"name": environment}], "comment": "fine"}


RELEASE = {"commit": "c" * 40, "build": 42}


def told(**changes):
    repository = {"full_name": "Team/app"}
    answer = {"repository": repository, "head_repository": repository, "head_sha": "c" * 40, "run_number": 42}
    return answer | changes


def test_the_run_that_has_built_the_release_is_accepted():
    assert run_path("team/app", "7") == "/repos/team/app/actions/runs/7"
    refuse_other_release(told(), "team/app", "7", RELEASE)


@pytest.mark.parametrize(
    ("answer", "release", "why"),
    [
        (told(head_sha="d" * 40), RELEASE, f"run 7 is of commit {'d' * 40}, and the release is of commit {'c' * 40}"),
        (told(run_number=43), RELEASE, "run 7 is of build 43, and the release is of build 42"),
        (told(repository={"full_name": "other/app"}), RELEASE, "run 7 is of repository other/app, team/app, and"),
        (told(head_repository={"full_name": "fork/app"}), RELEASE, "run 7 is of repository fork/app, team/app, and"),
        (told(head_repository=None), RELEASE, "cannot be understood"),
        ({"message": "Not Found"}, RELEASE, "cannot be understood"),
        (told(), {"commit": None, "build": 42}, "the release is of commit unknown"),
        (told(run_number=None), {"commit": "c" * 40, "build": None}, "the release is of build unknown"),
    ],
)
def test_any_other_run_is_refused_by_what_differs(answer, release, why):
    with pytest.raises(Unapproved, match=why):
        refuse_other_release(answer, "team/app", "7", release)


def test_the_path_is_that_of_the_review_history():
    assert reviews_path("team/app", "7") == "/repos/team/app/actions/runs/7/approvals"


def test_who_approved_last_is_the_approver_and_the_record_says_how_that_is_known():
    consent = consent_of([review("ann"), review("bob")], "production", "7")
    assert consent == ("bob", "review of GitHub run 7")


@pytest.mark.parametrize(
    ("reviews", "why"),
    [
        ([], "no review of production in run 7: add required reviewers"),
        ([review(environment="staging")], "no review of production"),
        ([review("ann"), review("bob", "rejected")], "bob answered 'rejected'"),
        ([review(state="pending")], "ann answered 'pending'"),
        ({"message": "Not Found"}, "cannot be understood"),
        ([{"state": "approved"}], "cannot be understood"),
        (None, "cannot be understood"),
    ],
)
def test_anything_but_an_approval_is_none(reviews, why):
    with pytest.raises(Unapproved, match=why):
        consent_of(reviews, "production", "7")


def test_where_there_is_no_api_the_workflow_names_the_approver():
    assert named(" ann ", "workflow secret X") == ("ann", "workflow secret X")


def test_where_nobody_is_named_nobody_approved():
    with pytest.raises(Unapproved, match="workflow secret X names nobody"):
        named("", "workflow secret X")
