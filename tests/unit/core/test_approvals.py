"""What an approval lets in, for how long, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils.history import (
    TEMPLATE,
    ApprovalStatus,
    Bound,
)
from hypothesis import given
from hypothesis import strategies as st
from test_history import NOW, approved, deployed, failed, history


def test_failures_and_approvals_do_not_change_where_a_rollback_goes() -> None:
    past = history(deployed(1), deployed(2), failed(3), approved(3), {"event": "aborted"})
    assert past.rollback_target()["version"] == "1.0.1"


def test_an_approval_is_valid_for_its_digest_until_it_expires() -> None:
    past = history(approved(1))
    answer = past.approval_for("sha256:1", NOW)
    assert answer.valid
    assert answer.entry is not None
    assert answer.entry["seq"] == 1
    assert past.approval_for("sha256:1", NOW + timedelta(hours=24, milliseconds=-1)).valid
    late = past.approval_for("sha256:1", NOW + timedelta(hours=24))
    assert late.status is ApprovalStatus.EXPIRED
    assert late.explanation == "the approval by alice (entry 1) expired at 2026-02-01T12:00:00.000Z"


@pytest.mark.parametrize("use", [deployed, failed])
def test_an_approval_is_used_up_by_the_deployment_it_allowed(use: Any) -> None:
    answer = history(approved(1), deployed(7), use(1, approval=1), deployed(8)).approval_for("sha256:1", NOW)
    assert (answer.status, answer.used_by, answer.valid) == (ApprovalStatus.USED, 3, False)
    assert answer.explanation == "the approval by alice (entry 1) was used up by entry 3"


def test_an_aborted_run_does_not_use_an_approval_up() -> None:
    past = history(approved(1), {"event": "aborted", "approval": 1}, deployed(2), deployed(1, approval=None))
    assert past.approval_for("sha256:1", NOW).valid


def test_an_entry_cannot_use_up_a_later_approval() -> None:
    assert history(deployed(1, approval=2), approved(1)).approval_for("sha256:1", NOW).valid


def test_a_used_approval_that_has_expired_too_counts_as_used() -> None:
    answer = history(approved(1, hours=-1), deployed(1, approval=1)).approval_for("sha256:1", NOW)
    assert answer.status is ApprovalStatus.USED


def test_an_older_approval_holds_if_the_newest_does_not() -> None:
    answer = history(approved(1, hours=48), approved(1, hours=-1)).approval_for("sha256:1", NOW)
    assert answer.valid
    assert answer.entry is not None
    assert answer.entry["seq"] == 1


def test_without_any_approval_nobody_has_approved() -> None:
    answer = history(deployed(1)).approval_for("sha256:1", NOW)
    assert (answer.status, answer.entry) == (ApprovalStatus.NONE, None)
    assert answer.explanation == "nobody has approved this release"


def test_an_approval_of_another_release_is_named() -> None:
    answer = history(approved(1)).approval_for("sha256:2", NOW)
    assert answer.status is ApprovalStatus.OTHER_RELEASE
    assert answer.explanation == "the approval by alice (entry 1) is for 1.0.1 (sha256:1), not for this release"


def test_approvals_of_other_releases_that_are_over_are_not_named() -> None:
    past = history(approved(1), deployed(1, approval=1), approved(3, hours=-1))
    assert past.approval_for("sha256:2", NOW).status is ApprovalStatus.NONE


def test_an_approval_for_another_environment_does_not_count() -> None:
    past = history(approved(1, environment="staging"))
    assert past.approval_for("sha256:1", NOW, "production").status is ApprovalStatus.NONE
    assert past.approval_for("sha256:1", NOW, "staging").valid


@given(st.lists(st.sampled_from(["approve", "deploy", "fail", "abort"]), max_size=12), st.booleans())
def test_every_approval_allows_one_deployment_at_most(steps: list[str], expires: bool) -> None:
    events: list[dict[str, Any]] = []
    approvals = uses = 0
    for step in steps:
        answer = history(*events).approval_for("sha256:1", NOW)
        assert answer.valid == (not expires and uses < approvals)
        seq = answer.entry["seq"] if answer.valid and answer.entry else None
        if step == "approve":
            approvals += 1
            events.append(approved(1, hours=-1 if expires else 1))
        elif step == "abort":
            events.append({"event": "aborted", "approval": seq})
        elif seq:
            uses += 1
            events.append({"deploy": deployed, "fail": failed}[step](1, approval=seq))


def test_an_approval_lets_in_nothing_but_the_configuration_that_it_was_given_for() -> None:
    past = history({**approved(1), "config": "a" * 16})
    assert past.approval_for("sha256:1", NOW, bound=Bound("a" * 16)).valid
    other = past.approval_for("sha256:1", NOW, bound=Bound("b" * 16))
    assert (other.status, other.valid) == (ApprovalStatus.OTHER_BINDING, False)
    assert other.explanation == (
        f"the approval by alice (entry 1) was given for the configuration {'a' * 16}, and that is {'b' * 16} now"
    )


def test_an_approval_lets_in_nothing_but_the_front_that_it_was_given_for() -> None:
    past = history({**approved(1), "config": "a", "front": "f"})
    assert past.approval_for("sha256:1", NOW, bound=Bound("a", "f")).valid
    other = past.approval_for("sha256:1", NOW, bound=Bound("a", "g"))
    assert other.explanation.endswith("was given for the front f, and that is g now")
    assert not history({**approved(1), "config": "a"}).approval_for("sha256:1", NOW, bound=Bound("a", "g")).valid


def test_an_approval_for_something_else_names_the_settings_that_differ() -> None:
    settings = {"deploy_env.A": "1", "proxy_maxconn": "1", TEMPLATE: "1"}
    past = history({**approved(1), "config": "a", "front": "f", "settings": settings})
    asked = Bound("b", "f", {"deploy_env.A": "2", "deploy_port": "1", "proxy_maxconn": "1", TEMPLATE: "2"})
    told = past.approval_for("sha256:1", NOW, bound=asked).explanation
    assert told.endswith("for the configuration a, and that is b now (other settings: deploy_env.A, deploy_port)")
    told = past.approval_for("sha256:1", NOW, bound=Bound("a", "g", {**settings, TEMPLATE: "2"})).explanation
    assert told.endswith(f"for the front f, and that is g now (other settings: {TEMPLATE})")


def test_an_approval_of_an_earlier_version_says_no_configuration_and_lets_nothing_in() -> None:
    answer = history(approved(1)).approval_for("sha256:1", NOW, bound=Bound("a"))
    assert not answer.valid
    assert "does not say for which configuration it was given" in answer.explanation


def test_of_two_approvals_that_of_this_configuration_counts() -> None:
    past = history({**approved(1), "config": "a"}, {**approved(1), "config": "b"})
    answer = past.approval_for("sha256:1", NOW, bound=Bound("a"))
    assert answer.valid
    assert answer.entry is not None
    assert answer.entry["seq"] == 1
