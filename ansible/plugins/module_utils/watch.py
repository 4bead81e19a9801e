"""Ask a URL until the answers convince, with the library beneath M(ansible.builtin.uri)."""

from __future__ import annotations

import functools
import time
import uuid
from dataclasses import dataclass, field
from http.client import BadStatusLine
from pathlib import Path
from typing import Any, Callable
from urllib.error import HTTPError

from ansible.module_utils.urls import open_url
from ansible_collections.slipway.core.plugins.module_utils import http2, labels
from ansible_collections.slipway.core.plugins.module_utils.deadline import within
from ansible_collections.slipway.core.plugins.module_utils.probe import SOURCES, Expectation, judge

BYPASS_HEADER = "X-Slipway-Bypass"
# What the maintenance page tells of itself, and what it repeats of the request.
PAGE_HEADER, REQUEST_HEADER = "X-Slipway-Maintenance", "X-Request-ID"
SERVICE_UNAVAILABLE = 503
# Beside the headers of an answer, none of which has a space in its name.
IS_PAGE = "maintenance page"
EVIDENCE_PROBES = 5
# Cut to what people read only after secrets are hidden in it.
BODY_CHARACTERS = 65536
SMOKE_ATTEMPTS = 3
# Probes in a row that have to fail before what was healthy is found bad: one is lost on any busy machine.
CONFIRM = 3
SMOKE = Expectation(statuses=tuple(range(200, 400)))

# Shared by the modules that ask; documented by the fragment slipway.core.watch.
OPTIONS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "check": {
        "type": "dict",
        "required": True,
        "options": {
            "path": {"type": "str", "required": True},
            "statuses": {"type": "list", "elements": "int", "default": [200]},
            "host": {"type": "str", "default": ""},
            "protocol": {"type": "str", "choices": [labels.HTTP1, labels.H2], "default": labels.HTTP1},
            "version_source": {"type": "str", "choices": list(SOURCES), "default": "none"},
            "version_key": {"type": "str", "default": "version"},
            "smoke_paths": {"type": "list", "elements": "str", "default": []},
        },
    },
    "version": {"type": "str", "default": ""},
    "passes": {"type": "int", "default": 1},
    "interval": {"type": "float", "default": 0.5},
    "timeout": {"type": "int", "default": 5},
    "deadline": {"type": "int", "default": 30},
    "hold": {"type": "int", "default": 0},
    "container": {"type": "str", "default": ""},
    "bypass_file": {"type": "path"},
    "page": {"type": "str", "default": ""},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
}


def fetch(url: str, params: dict[str, Any]) -> dict[str, Any]:
    """One answer as :func:`probe.judge` takes it: ``status`` (-1 for none), ``content``, ``msg``, and headers.

    :param params: host, timeout (seconds, from connecting to the end of the answer), bypass_file, page,
        validate_certs and ca_path of OPTIONS.
    """
    asked = uuid.uuid4().hex
    headers = {"Cache-Control": "no-cache", REQUEST_HEADER: asked}
    if params["check"]["host"]:
        headers["Host"] = params["check"]["host"]
    if word := _word(params["bypass_file"]):
        headers[BYPASS_HEADER] = word
    try:
        answer, content = within(params["timeout"], functools.partial(_ask, url, headers, params))
    except Exception as error:  # what urllib, ssl and the cookie jar raise has no common base
        return {"status": -1, "content": "", "msg": _reason(error)}
    told = {name.lower().replace("-", "_"): value for name, value in answer.headers.items()}
    page = params["page"] and (answer.code, answer.headers.get(PAGE_HEADER), answer.headers.get(REQUEST_HEADER))
    is_page = page == (SERVICE_UNAVAILABLE, params["page"], asked)
    return {**told, "status": answer.code, "content": content, "msg": "", IS_PAGE: is_page}


def _word(path: str | None) -> str:
    """The word that passes the maintenance page; empty without a proxy that has one."""
    try:
        return Path(path).read_text(encoding="ascii").strip() if path else ""
    except FileNotFoundError:
        return ""


def _reason(error: Exception) -> str:
    """Why there is no answer."""
    line = str(error.args[0]) if isinstance(error, BadStatusLine) else ""
    if http2.is_answer(line.encode("iso-8859-1", "replace")):
        return "it answers in HTTP/2 alone: set deploy_protocol: h2"
    return str(error) or type(error).__name__


def _ask(url: str, headers: dict[str, str], params: dict[str, Any]) -> tuple[Any, str]:
    """An answer and its content, whatever its status."""
    if params["check"].get("protocol") == labels.H2 and url.startswith("http://"):
        told = http2.get(url, headers, params["timeout"], BODY_CHARACTERS)
        return told, told.content.decode("utf-8", "replace")
    try:
        answer = open_url(
            url,
            headers=headers,
            timeout=params["timeout"],
            follow_redirects="none",
            use_proxy=False,
            validate_certs=params["validate_certs"],
            ca_path=params["ca_path"],
        )
    except HTTPError as error:
        answer = error
    return answer, answer.read(BODY_CHARACTERS).decode("utf-8", "replace")


def expected(params: dict[str, Any]) -> Expectation:
    """What a healthy answer looks like, from the options check and version."""
    check = params["check"]
    return Expectation(tuple(check["statuses"]), params["version"], check["version_source"], check["version_key"])


def result(verdict: dict[str, Any], tolerate: bool) -> dict[str, Any]:
    """What M(slipway.core.healthy) returns: an unhealthy URL fails unless that is tolerated."""
    return {"changed": False, "failed": not verdict["healthy"] and not tolerate, **verdict}


@dataclass
class Watch:
    """The probes of one URL, and the verdict on it.

    :param params: the values of OPTIONS.
    :param gone: why the container cannot answer any more; empty while it runs.
    :param proven: whether it was healthy a moment ago, so that there is nothing to wait for when it is not.
    :param excused: whether a probe that fails says nothing, since another release fails at the same time.
    :param confirm: failed probes in a row that make what was healthy bad.
    :param disturbed: why the release is bad although its health check passes; asked while ``hold`` lasts.
    """

    params: dict[str, Any]
    gone: Callable[[], str] = lambda: ""
    disturbed: Callable[[], str] = lambda: ""
    excused: Callable[[], bool] = lambda: False
    confirm: int = CONFIRM
    proven: bool = False
    _probes: list[dict[str, Any]] = field(default_factory=list)
    _body: str = ""
    _started: float = 0.0

    def run(self) -> dict[str, Any]:
        """Ask until there is a verdict: consecutive passes, a deadline, and an early end where waiting is no use."""
        check, hold, deadline = self.params["check"], self.params["hold"], self.params["deadline"]
        health = expected(self.params)
        self._started = time.monotonic()
        passed = failed = broken_smoke = 0
        was_healthy = self.proven
        while True:
            was_healthy = was_healthy or passed > 0
            passed = 0 if self._ask(check["path"], health) else passed + 1
            elapsed = time.monotonic() - self._started
            if passed == 0:
                gone = self.gone()
                if gone:
                    return self._verdict(gone)
                failed = 0 if self.excused() else failed + 1
                if (hold or self.proven) and was_healthy and failed >= self.confirm:
                    return self._verdict("it was healthy and then was not")
            elif hold and (trouble := self.disturbed()):
                return self._verdict(trouble)
            elif passed >= self.params["passes"] and elapsed >= hold:
                broken = next((path for path in check["smoke_paths"] if self._ask(path, SMOKE)), None)
                if broken is None:
                    return self._verdict()
                broken_smoke += 1
                if broken_smoke >= SMOKE_ATTEMPTS:
                    return self._verdict(f"{broken} fails while it says it is ready")
            if passed:
                failed = 0
            if elapsed >= deadline + hold:
                return self._verdict(f"not within {deadline} s")
            time.sleep(self.params["interval"])

    def _ask(self, path: str, expected: Expectation) -> str:
        began = time.monotonic()
        answer = fetch(self.params["url"].rstrip("/") + path, self.params)
        trouble = "" if answer.get(IS_PAGE) else judge(answer, expected)
        self._body = str(answer["content"]).strip()
        self._probes.append(
            {
                "path": path,
                "status": answer["status"],
                "seconds": round(time.monotonic() - began, 3),
                "trouble": trouble,
                "at": round(time.monotonic() - self._started, 2),
            }
        )
        return trouble

    def _verdict(self, trouble: str = "") -> dict[str, Any]:
        url = self.params["url"].rstrip("/")
        elapsed = round(time.monotonic() - self._started, 2)
        last = self._probes[-1]
        result: dict[str, Any] = {
            "healthy": not trouble,
            "elapsed": elapsed,
            "probes": self._probes[-EVIDENCE_PROBES:],
            "attempts": len(self._probes),
            "url": url,
        }
        if not trouble:
            return {**result, "story": f"{url}{self.params['check']['path']} healthy after {elapsed} s"}
        return {
            **result,
            "msg": f"{url}{last['path']} is not healthy: {trouble}; "
            f"the last of {len(self._probes)} probes: {last['trouble'] or 'healthy'}",
            "body": self._body,
        }
