"""A run that fails before it has made anything of its own says what serves, too."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request

from tests.integration.application import Application

SECONDS = 30.0


def is_healthy(app: Application) -> bool:
    """Whether the health check of staging's public port passes."""
    try:
        with urllib.request.urlopen(app.url("staging", "/health"), timeout=3) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def test_proxy_whose_image_cannot_be_had(serving: Application) -> None:
    with serving.untouched():
        run = serving.run("deploy", env="staging", version="1.0.2", proxy_image="127.0.0.1:1/haproxy:3")
    assert run.code != 0
    assert re.search(r"1\.0\.2 was not deployed to staging on \S+: front: ", run.output), run.output
    assert re.search(r"serving now: +1\.0\.1 ", run.output), run.output
    assert re.search(r"next: .*run the same command again", run.output), run.output


def test_live_release_that_is_not_healthy_any_more(serving: Application) -> None:
    """The same command finds nothing to deploy, and says that what serves is ill and what may help."""
    fault = {"APP_FAULT": "unhealthy_after", "APP_FAULT_SECONDS": "8"}
    settings = {"deploy_env": fault, "deploy_soak_seconds": 0, "deploy_health_deadline": 3}
    serving.ship("staging", 1, **settings)
    deadline = time.monotonic() + SECONDS
    while is_healthy(serving):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    with serving.untouched():
        run = serving.run("deploy", env="staging", version="1.0.1", **settings)
    assert run.code != 0
    assert re.search(r"answer: +\S", run.output), run.output
    assert re.search(r"serving now: +1\.0\.1 ", run.output), run.output
    assert re.search(r"next: +it is live: see its log on .*rollback\.yml", run.output), run.output
