"""Who consented to a deployment in the GitHub Actions run that carries it out.

GitHub's answer to ``GET /repos/{owner}/{repo}/actions/runs/{run_id}/approvals`` is a list of reviews, each with
``state`` (``approved``, ``rejected`` or ``pending``), ``user.login`` and ``environments[].name``. Source:
https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run

A review is about the run that it was given in. ``GET /repos/{owner}/{repo}/actions/runs/{run_id}`` says what that
ships: ``repository.full_name``, ``head_repository.full_name``, ``head_sha``, and ``run_number``, the build's number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

API_VERSION = "2022-11-28"
ADD_REVIEWERS = "add required reviewers to the environment (Settings, Environments) and run the workflow again"


class Unapproved(Exception):
    """Nobody consented in this run; the message is one sentence that says what to do."""


class Consent(NamedTuple):
    """Who consented, and how we know."""

    approver: str
    via: str


def run_path(repository: str, run: str) -> str:
    """Where the API tells of a run of ``owner/name``."""
    return f"/repos/{repository}/actions/runs/{run}"


def refuse_other_release(answer: Any, repository: str, run: str, release: dict[str, Any]) -> None:
    """Refuse a run that is not the one which has built a release.

    :param answer: the API's, of the run.
    :param release: its ``commit`` and its ``build``, the number.
    :raises Unapproved: it is another one, or the answer is no run.
    """
    wanted = {
        "repository": repository.lower(),
        "commit": str(release.get("commit") or "unknown"),
        "build": str(release.get("build") or "unknown"),
    }
    try:
        origins = {str(answer[name]["full_name"]).lower() for name in ("repository", "head_repository")}
        told = {"commit": str(answer["head_sha"]), "build": str(answer["run_number"])}
    except (KeyError, TypeError) as error:
        raise Unapproved(f"GitHub's answer about run {run} cannot be understood ({error!r})") from error
    told["repository"] = ", ".join(sorted(origins))
    for name, value in wanted.items():
        if told[name] != value:
            raise Unapproved(
                f"run {run} is of {name} {told[name]}, and the release is of {name} {value}: approve it "
                "in the run that has built it"
            )


def reviews_path(repository: str, run: str) -> str:
    """Where the API tells the reviews of a run of ``owner/name``."""
    return f"/repos/{repository}/actions/runs/{run}/approvals"


def consent_of(reviews: Any, environment: str, run: str) -> Consent:
    """The last person who approved this environment in this run.

    :param reviews: the API's answer, oldest first.
    :raises Unapproved: nobody did, or the answer is no list of reviews.
    """
    try:
        mine = [review for review in reviews if environment in [place["name"] for place in review["environments"]]]
        states = [(str(review["state"]), str(review["user"]["login"])) for review in mine]
    except (KeyError, TypeError) as error:
        raise Unapproved(f"GitHub's list of reviews of run {run} cannot be understood ({error!r})") from error
    if not states:
        raise Unapproved(f"GitHub knows no review of {environment} in run {run}: {ADD_REVIEWERS}")
    state, login = states[-1]
    if state != "approved":
        raise Unapproved(f"{login} answered {state!r} to {environment} in run {run}: nothing goes there")
    return Consent(login, f"review of GitHub run {run}")


def named(approver: str, source: str) -> Consent:
    """The person whom the workflow itself names, for servers without the API.

    :param source: where the workflow has the name from.
    :raises Unapproved: it names nobody.
    """
    if not approver.strip():
        raise Unapproved(f"{source} names nobody, and there is no token to ask GitHub's API with")
    return Consent(approver.strip(), source)
