"""In a GitHub Actions run, whoever reviewed it is the approver; a stand-in for GitHub's API says who that is."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.application import APPROVER, Application
from tests.integration.verbs import Run

TOKEN = "ghs_aT0kenOfTheJob"
RUN = "/repos/team/myapp/actions/runs/4711"
PATH = f"{RUN}/approvals"


@dataclass
class Api:
    """The API: what it answers, with which status, and what it was asked."""

    url: str
    token_file: str
    status: int = 200
    reviews: Any = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    def approve(self, promoted: Application, **changes: str) -> Run:
        """Run approve.yml as a step of run 4711."""
        release = next(it for it in promoted.ledger("staging")[::-1] if it["event"] == "deployed")
        repository = {"full_name": "team/myapp"}
        built = {"head_sha": release["commit"], "run_number": release["build"]}
        self.told = {"repository": repository, "head_repository": repository, **built, **self.run}
        step = {
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": "team/myapp",
            "GITHUB_RUN_ID": "4711",
            "SLIPWAY_GITHUB_TOKEN_FILE": self.token_file,
            "SLIPWAY_APPROVER": "",
        }
        return promoted.run("approve", environ=step | changes, approved_in="github")


def review(login: str, state: str = "approved", environment: str = "production") -> dict[str, Any]:
    """One review, as the API tells it."""
    return {"state": state, "comment": "", "user": {"login": login}, "environments": [{"id": 1, "name": environment}]}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append((self.path, self.headers["Authorization"]))
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(json.dumps(found.told if self.path == RUN else found.reviews).encode())

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN + "\n", encoding="ascii")
    found = Api(f"http://127.0.0.1:{server.server_port}", str(token_file))
    yield found
    server.shutdown()
    server.server_close()


def test_the_reviewer_is_the_approver_and_the_ledger_says_how_that_is_known(promoted: Application, api: Api) -> None:
    api.reviews = [review("bob", environment="staging"), review(APPROVER)]
    with promoted.ledger_restored("production"):
        run = api.approve(promoted)
        assert run.code == 0, run.output
        approval = promoted.ledger("production")[-1]
    assert (approval["approved_by"], approval["approved_via"]) == (APPROVER, "review of GitHub run 4711")
    assert api.asked == [(RUN, f"Bearer {TOKEN}"), (PATH, f"Bearer {TOKEN}")]
    assert TOKEN not in run.output


@pytest.mark.parametrize(
    ("status", "reviews", "expected"),
    [
        (200, [], r"GitHub knows no review of production in run 4711: add required reviewers"),
        (
            200,
            [review("alice", "rejected")],
            r"alice answered 'rejected' to production in run 4711: nothing",
        ),
        (200, [review("mallory")], r"mallory may not approve for production, and nothing was changed"),
        (403, {"message": "Forbidden"}, r"GitHub.s API refuses to tell of .* \(403 Forbidden\): .*'actions: read'"),
        (200, {"message": "?"}, r"GitHub's list of reviews of run 4711 cannot be understood"),
    ],
)
def test_anything_but_an_approval_changes_nothing(
    promoted: Application, api: Api, status: int, reviews: Any, expected: str
) -> None:
    api.status, api.reviews = status, reviews
    with promoted.untouched():
        run = api.approve(promoted, SLIPWAY_APPROVER=APPROVER)
    assert re.search(expected, run.reason), run.reason


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"head_sha": "0" * 40}, r"run 4711 is of commit 0{40}, and the release is of commit [0-9a-f]{40}"),
        ({"run_number": 4711}, r"run 4711 is of build 4711, and the release is of build 2: approve it"),
        ({"head_repository": {"full_name": "mallory/myapp"}}, r"is of repository mallory/myapp, team/myapp, and"),
    ],
    ids=["commit", "build", "fork"],
)
def test_the_review_of_another_run_approves_nothing(
    promoted: Application, api: Api, run: dict[str, Any], expected: str
) -> None:
    api.reviews, api.run = [review(APPROVER)], run
    with promoted.untouched():
        refused = api.approve(promoted)
    assert refused.code != 0
    assert re.search(expected, refused.reason), refused.reason


def test_an_api_that_does_not_answer_is_no_reason_to_take_another_name(promoted: Application, api: Api) -> None:
    with promoted.untouched():
        run = api.approve(promoted, GITHUB_API_URL="http://127.0.0.1:9", SLIPWAY_APPROVER=APPROVER)
    assert re.search(r"GitHub's API at http://127\.0\.0\.1:9 does not answer .*: run the job again", run.reason)


def test_without_api_and_name_nobody_approved(promoted: Application, api: Api) -> None:
    with promoted.untouched():
        run = api.approve(promoted, SLIPWAY_GITHUB_TOKEN_FILE="")
    assert re.search(r"workflow secret SLIPWAY_APPROVER names nobody, and there is no token", run.reason)


def test_a_way_that_is_not_known_is_refused(promoted: Application) -> None:
    with promoted.untouched():
        run = promoted.run("approve", approved_in="gitlab")
    assert 'approved_in is "gitlab", and nothing was changed: give github' in run.reason
