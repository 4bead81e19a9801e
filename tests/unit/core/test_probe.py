"""What one answer of a health check means."""

import pytest
from ansible_collections.slipway.core.plugins.module_utils.probe import Expectation, judge

TELLS = Expectation(statuses=(200,), version="1.0.42", source="json", key="version")


def answer(content="", status=200, **headers):
    return {"status": status, "content": content, **headers}


def test_the_right_version_with_the_right_status_is_healthy():
    assert judge(answer('{"version": "1.0.42"}'), TELLS) == ""


def test_another_release_on_the_same_port_is_not_taken_for_this_one():
    assert judge(answer('{"version": "1.0.41"}'), TELLS) == "version 1.0.41 answers instead of 1.0.42"


@pytest.mark.parametrize("content", ["", "<html>", "[]", "null", '{"build": 42}', '{"version": {"x": 1}}'])
def test_an_answer_that_does_not_tell_its_version_is_not_healthy(content):
    assert judge(answer(content), TELLS) != ""


def test_a_status_that_is_not_expected_is_named():
    assert judge(answer('{"version": "1.0.42"}', status=500), TELLS) == "status 500"


def test_no_answer_at_all_says_why():
    assert judge({"status": -1, "msg": "Connection refused"}, TELLS) == "no answer (Connection refused)"


def test_the_version_may_be_nested():
    nested = Expectation(statuses=(200,), version="7", source="json", key="build.number")
    assert judge(answer('{"build": {"number": 7}}'), nested) == ""


def test_the_version_may_be_in_a_header():
    header = Expectation(statuses=(200,), version="1.0.42", source="header", key="X-App-Version")
    assert judge(answer(x_app_version="1.0.42"), header) == ""
    assert judge(answer(x_app_version="1.0.1"), header) != ""
    assert judge(answer(), header) != ""


def test_an_image_that_does_not_tell_needs_only_the_status():
    assert judge(answer("Welcome", status=204), Expectation(statuses=(200, 204))) == ""
