"""Text from outside reaches nobody raw: not the terminal, the ledger, the events, nor what CI shows."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.core.plugins.action import ask, say
from ansible_collections.slipway.core.plugins.module_utils import (
    failure,
    ledger,
    recording,
    run_summary,
    shown,
    tables,
)

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "ansible" / "plugins"
HOSTILE = (
    "a\x1b]0;owned\x07b\x1b[2J\x9b1mc\rd\x00e\x7ff\x08g\u202eh\u2066i\u200bj\u200dk\ufeffl\u2028m\u2029n\x85o\x0bp\x0cq"
    "\u00adr\U000e0041s\u3164t\u115fu"
)
RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\u3164\u115f\U000e0000-\U000e0fff]"
)
DIGEST = "sha256:" + "a" * 64
PROBE = {"path": "/health", "status": 200, "seconds": 0.02, "trouble": HOSTILE, "at": 0.31}


def assert_shown(text: str) -> None:
    """Nothing of the hostile text is left raw, and it is told all the same."""
    assert RAW.findall(text) == []
    assert "owned" in text
    assert "\\x1b" in text


def test_what_cannot_be_seen_is_spelled_out_and_the_rest_stays() -> None:
    assert_shown(shown.visible(HOSTILE))
    assert shown.visible("half \udc9b") == "half \\udc9b"
    plain = "Zoë\t→ 日本 ✔️ 🎉 \\x1b\nnext"
    assert shown.visible(plain) == plain
    assert shown.line("one\ntwo\tthree") == "one\\ntwo\\tthree"


def test_what_was_made_visible_once_stays_so() -> None:
    once = shown.visible(HOSTILE)
    assert shown.visible(once) == once


def test_every_text_in_a_value_is_made_visible_and_nothing_else_changes() -> None:
    assert_shown(json.dumps(shown.plain({HOSTILE: [HOSTILE, (HOSTILE,)]}), ensure_ascii=False))
    same: dict[str, object] = {"a": [1, 1.5, None, True, "text\n", {"b": []}], "c": ("d",)}
    assert shown.plain(same) == same


def test_a_cell_of_markdown_is_neither_markup_nor_the_end_of_its_cell() -> None:
    told = shown.markdown("x | y\n<img src=a> `code` [text](http://a) \\| & &lt; ![i] *b* ~~c~~ $d$")
    assert "\n" not in told
    assert not set("<>`[]*~$") & set(told)
    assert re.findall(r"(?<!\\)\|", told) == []
    assert "&amp;lt;" in told
    assert html.unescape(told).startswith(r"x \| y <img src=a> `code`")


def test_the_ledger_has_no_raw_text_of_others(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    fields = {"reason": HOSTILE, "actor": HOSTILE, "evidence": {"logs": [HOSTILE], HOSTILE: 1}, "run": "1"}
    entry = recording.record(str(path), "failed", fields, pytest.fail)
    assert_shown(path.read_text(encoding="utf-8"))
    assert ledger.read(str(path)) == [entry]


def test_an_old_ledger_with_raw_text_is_still_verified_and_added_to(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.jsonl")
    old = ledger.append(path, "failed", {"reason": HOSTILE})
    new = recording.record(path, "failed", {"reason": HOSTILE}, pytest.fail)
    assert ledger.read(path) == [old, new]
    assert old["reason"] == HOSTILE


def test_nothing_is_added_to_a_ledger_beside_the_one_place_that_makes_it_visible() -> None:
    found = {
        path.name
        for path in PLUGINS.rglob("*.py")
        if re.search(r"\bledger\.append\(", path.read_text(encoding="utf-8"))
    }
    assert found == {"recording.py"}


def test_a_failure_tells_nothing_raw_to_people_or_ledger() -> None:
    report = failure.report(
        {
            "env": "staging",
            "kind": "deploy",
            "host": "vm",
            "task": "deploy : Verify | Ask",
            "result": {"msg": HOSTILE + "\n  serving now: forged", "body": HOSTILE, "probes": [PROBE]},
            "aftermath": HOSTILE,
            "release": {"version": "1.0.1", "digest": DIGEST, "commit": HOSTILE},
            "container": {"exists": True, "running": True, "name": HOSTILE, "logs": [HOSTILE + "\n  next: nothing"]},
            "serving": {"msg": HOSTILE},
            "secrets": [],
            "hosts": [{"host": "two", "became": HOSTILE, "failed": False, "switched": False}],
        }
    )
    assert_shown(report["text"])
    assert_shown(json.dumps(report["entry"], ensure_ascii=False))
    assert "\n  next: nothing" not in report["text"]
    assert report["text"].count("\n  serving now:") == 1


def test_an_approver_sees_commits_and_settings_without_anything_raw() -> None:
    release = {"version": "1.0.2", "digest": DIGEST, "image": HOSTILE, "commit": HOSTILE}
    staging = {"verified": None, "live": {"time": "2026-01-31T12:00:00.000Z", "duration": 9.1, "actor": HOSTILE}}
    live = {"version": HOSTILE, "digest": DIGEST}
    differs = {"before": {}, "after": {HOSTILE: HOSTILE}}
    hosts = {"one": {"config_diff": differs, "front_diff": differs}}
    told = tables.approval_request(release, staging, live, [HOSTILE, "c0ffee eve: x\n  digest    forged"], hosts)
    assert_shown(told)
    assert "\n  digest    forged" not in told


def test_status_tells_nothing_raw() -> None:
    entry = {"seq": 1, "time": "2026-01-31T12:00:00.000Z", "event": "failed", "phase": HOSTILE, "reason": HOSTILE}
    entry |= {"actor": HOSTILE + "\nforged", "version": HOSTILE}
    report = {
        "environment": "staging",
        "live": {"version": HOSTILE, "digest": DIGEST, "config": HOSTILE, "time": HOSTILE},
        "serving": None,
        "standby": {"version": HOSTILE, "running": True},
        "lock": {"held": False, "explanation": HOSTILE},
        "maintenance": False,
        "paused": None,
        "drift": [{"told": HOSTILE}],
        "entries": [entry],
    }
    item = {"environment": "staging", "host": "vm", "health": "healthy", "error": HOSTILE, "report": report}
    assert_shown(tables.status([item]))
    assert "\nforged" not in tables.status([item])
    assert_shown(tables.status_trouble([{**item, "report": {**report, "lock": None}}]))


def test_a_summary_of_ci_has_neither_raw_text_nor_markup_of_others() -> None:
    markup = HOSTILE + "`|<script>\n# title"
    entry = {"event": "approved", "environment": "production", "version": markup, "digest": DIGEST}
    entry |= {"approved_by": markup, "approved_via": markup, "reason": markup}
    event = {"phase": markup, "step": markup, "host": markup, "status": "ok", "seconds": 1.5}
    events = [{**event, "entry": entry, "url": markup, "probes": [PROBE], "message": HOSTILE}]
    for failed in (False, True):
        text = run_summary.markdown("approve.yml", events, 3, failed)
        assert_shown(html.unescape(text))
        assert "<script>" not in text
        assert "\n# title" not in text


def test_an_output_of_ci_cannot_name_another() -> None:
    release = {"version": "1.0.1\nurl=http://evil", "commit": HOSTILE, "image": "a\r\nb=c"}
    told = run_summary.outputs([{"phase": "record", "release": release}])
    assert not RAW.search("".join(told.values()))
    assert not any("\n" in value for value in told.values())


def test_what_is_said_and_asked_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Terminal:
        def prompt_until(self, question: str) -> bytes:
            asked.append(question)
            return HOSTILE.encode()

    monkeypatch.setattr(ask, "Display", Terminal)
    for plugin, args in ((say, {"text": HOSTILE}), (ask, {"question": HOSTILE})):
        action = plugin.ActionModule.__new__(plugin.ActionModule)
        monkeypatch.setattr(plugin.ActionBase, "run", lambda *_: {})
        monkeypatch.setattr(action, "validate_argument_spec", lambda args=args, **_: (None, args), raising=False)
        result = action.run()
        assert_shown(str(result.get("say") or result["answer"]))
    assert_shown(asked[0])


PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {
            "hostile": HOSTILE + "\nname=value\n  ::add-mask::1 ##[error]",
            "without_nul": HOSTILE.replace("\0", ""),
        },
        "tasks": [
            {"name": "Record | Say it", "slipway.core.say": {"text": "{{ hostile }}"}},
            {
                "name": "Record | Show a difference",
                "ansible.builtin.copy": {"content": "{{ without_nul }}\n", "dest": "{{ playbook_dir }}/made"},
                "diff": True,
            },
            {"name": "Record | Name {{ hostile }}", "ansible.builtin.debug": {"msg": "{{ hostile }}"}},
            {"name": "Record | Fail", "ansible.builtin.fail": {"msg": "{{ hostile }}"}},
        ],
    }
]


def test_a_run_shows_and_writes_nothing_raw(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAY), encoding="utf-8")
    files = {name: tmp_path / name for name in ("SLIPWAY_EVENTS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    told = {**{name: str(path) for name, path in files.items()}, "ANSIBLE_NOCOLOR": "1", "GITHUB_ACTIONS": "true"}
    ran = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            "-v",
            "-i",
            "localhost,",
            "-c",
            "local",
            tmp_path / "play.yml",
        ],
        cwd=ROOT,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    assert_shown(ran.stdout)
    assert RAW.findall(ran.stderr) == []
    assert re.findall(r"(?m)^\s*::|##\[", ran.stdout + ran.stderr) == []
    assert "+a\\x1b]0;owned" in ran.stdout
    assert_shown(files["SLIPWAY_EVENTS"].read_text(encoding="utf-8").replace("\\\\", "\\"))
    assert_shown(html.unescape(files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")))
    assert "name=value" not in files["GITHUB_OUTPUT"].read_text(encoding="utf-8")
