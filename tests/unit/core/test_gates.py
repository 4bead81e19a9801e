"""The gates of production."""

import pytest
from ansible_collections.slipway.core.plugins.module_utils.gates import Refused, approval, promotable, unapproved

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
C = "c" * 16
F = "f" * 16


def entry(version="1.0.42", digest=A):
    return {"version": version, "build": 42, "commit": "c", "digest": digest, "image": "r/app", "time": "t"}


def staging(live=None, verified=None):
    return {"live": live, "verified": verified}


def test_what_is_live_in_staging_is_promoted_by_default():
    assert promotable([staging(live=entry())], "")["digest"] == A


def test_a_version_is_promoted_with_the_digest_staging_verified():
    assert promotable([staging(live=entry("1.0.43", B), verified=entry())], "1.0.42")["digest"] == A


def test_an_unverified_version_is_refused_with_the_command_that_verifies_it():
    with pytest.raises(Refused, match=r"never verified in staging.*-e env=staging -e version=1\.0\.43"):
        promotable([staging(live=entry())], "1.0.43")


def test_an_empty_staging_has_nothing_to_promote():
    with pytest.raises(Refused, match="Nothing is verified in staging yet"):
        promotable([staging()], "")


def test_no_staging_host_at_all_has_nothing_to_promote():
    with pytest.raises(Refused):
        promotable([], "")


def test_every_staging_host_must_have_verified_it():
    with pytest.raises(Refused, match="never verified"):
        promotable([staging(verified=entry()), staging()], "1.0.42")


def test_staging_hosts_that_disagree_are_refused():
    with pytest.raises(Refused, match="different releases"):
        promotable([staging(live=entry()), staging(live=entry(digest=B))], "")


def test_a_digest_that_staging_verified_is_promoted():
    assert promotable([staging(verified=entry())], "1.0.42", A)["digest"] == A


def test_another_digest_than_staging_verified_is_refused_with_the_command_that_verifies_it():
    with pytest.raises(Refused, match=rf"verified 1\.0\.42 as sha256:a.*-e env=staging -e digest={B} first"):
        promotable([staging(verified=entry())], "1.0.42", B)


def test_a_valid_approval_opens_the_gate_and_is_named():
    valid = {"valid": True, "seq": 7, "explanation": "ok", "config": C, "front": F}
    assert approval(entry(), {A: valid}, C, F) == 7
    assert approval(entry(), {A: {**valid, "front": None}}, C, "") == 7


@pytest.mark.parametrize("front", [None, "", "a" * 16])
def test_an_approval_that_is_bound_to_another_front_opens_nothing(front):
    other = {A: {"valid": True, "seq": 7, "explanation": "the approval is valid", "config": C, "front": front}}
    with pytest.raises(Refused, match=r"needs a new approval"):
        approval(entry(), other, C, F)


def test_an_approval_that_is_bound_to_another_configuration_opens_nothing():
    other = {A: {"valid": True, "seq": 7, "explanation": "the approval by ann (entry 7) is valid", "config": "d" * 16}}
    with pytest.raises(Refused, match=r"needs a new approval"):
        approval(entry(), other, C, F)


def test_hosts_whose_configuration_nobody_has_approved_are_named():
    seen = {"one": {"approvals": {A: {"valid": True}}}, "two": {"approvals": {A: {"valid": False}}}}
    assert unapproved({**seen, "three": {"approvals": {}}}, A) == ["two", "three"]


def test_without_approval_the_next_command_is_named():
    with pytest.raises(Refused, match=r"is not approved for production: run .*approve\.yml -e version=1\.0\.42"):
        approval(entry(), {}, C, F)


def test_an_approval_for_another_digest_does_not_count_and_is_mentioned():
    other = {B: {"valid": True, "seq": 7, "explanation": "the approval by ann (entry 7) is valid"}}
    with pytest.raises(Refused, match=r"another digest: the approval by ann"):
        approval(entry(), other, C, F)


def test_an_expired_approval_says_so():
    expired = {A: {"valid": False, "seq": 7, "explanation": "the approval by ann (entry 7) expired at noon"}}
    with pytest.raises(Refused, match=r"needs a new approval, because .* expired at noon"):
        approval(entry(), expired, C, F)


@pytest.mark.parametrize("version", ["", "1.0.42"], ids=["live", "named"])
def test_what_was_built_from_uncommitted_changes_is_refused_by_name(version):
    dirty = {**entry(), "commit": "a" * 40 + "-dirty"}
    with pytest.raises(Refused, match=r"1\.0\.42 was built from uncommitted changes on commit aaaaaaa"):
        promotable([staging(live=dirty, verified=dirty)], version)
