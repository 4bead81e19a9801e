"""Secrets are hidden, however an application spells them."""

from __future__ import annotations

import base64
import html
import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.slipway.core.plugins.module_utils import shown
from ansible_collections.slipway.core.plugins.module_utils.redact import hide, unmaskable
from test_whole_run import inventory, play

__all__ = ["inventory"]
Spell = Callable[[str], str]

SECRETS = [
    *("hunter2", 'p"a\\ss', "ümlaut", "{{ braces }}", "$HOME", "key one\nkey two", "it's", "a/b+c?d=e&f g%h", "<&>'\""),
    *("\\\\\\\\", "tr\tab\x1b\x9b", "日本🎉語", "~~~~", "postgres://u:p@ss/w#rd@db:5432/x?y=z", "\\'\\\"\\n"),
]


def lower(spell: Spell) -> Spell:
    """The same with the hexadecimal digits of its escapes in lower case; the secrets here have no others."""
    return lambda text: "".join(
        f"%{part[:2].lower()}{part[2:]}" if number else part for number, part in enumerate(spell(text).split("%"))
    )


SPELLINGS: dict[str, Spell] = {
    "plain": str,
    "json": json.dumps,
    "json of json": lambda text: json.dumps(json.dumps({"key": text})),
    "json unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "json slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "json upper": lambda text: "".join(rf"\u{ord(it):04X}" if ord(it) in range(128, 65536) else it for it in text),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "octal": lambda text: "".join(chr(it) if it < 127 else f"\\{it:03o}" for it in text.encode()),
    "url": quote,
    "url all": lambda text: quote(text, safe=""),
    "url component": lambda text: quote(text, safe="!'()*"),
    "url lower": lower(lambda text: quote(text, safe="")),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "every byte": lambda text: "".join(f"%{it:02X}" for it in text.encode()),
    "shell": shlex.quote,
    "shell backslash": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "shell words": lambda text: "".join(it if it.isalnum() else "\\" + it for it in text),
    "yaml": lambda text: "'" + text.replace("'", "''") + "'",
    "html": html.escape,
    "html decimal": lambda text: "".join(it if it.isalnum() and it.isascii() else f"&#{ord(it):03};" for it in text),
    "html hex": lambda text: "".join(it if it.isalnum() and it.isascii() else f"&#x{ord(it):X};" for it in text),
    "html twice": lambda text: html.escape(html.escape(text)),
    "hex": lambda text: text.encode().hex(),
    "hex upper": lambda text: text.encode().hex().upper(),
    "hex colons": lambda text: text.encode().hex(":"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 bare": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 in a url": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 in json": lambda text: base64.b64encode(text.encode()).decode().replace("/", "\\/"),
    "made visible": shown.visible,
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_hidden_in_every_spelling(secret: str, spelling: str) -> None:
    hidden = hide(f"before [{SPELLINGS[spelling](secret)}] after", [secret])
    inside = hidden.removeprefix("before [").removesuffix("] after")
    assert "********" in inside
    # What is left is what the spelling puts around it.
    assert set(inside.replace('{\\"key\\": ', "")) <= set("*\"'b\\n}")


@pytest.mark.parametrize("secret", ["hunter2", "a>b?c", "ümlaut~", "s3cret-tok3n/with+more"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", [b"", b"u", b"us", b"use", b"user:"])
@pytest.mark.parametrize("after", [b"", b"\n", b"@h", b"@db"])
def test_a_secret_is_hidden_as_a_part_of_what_base64_encodes(
    secret: str, encode: Callable[[bytes], bytes], before: bytes, after: bytes
) -> None:
    text = encode(before + secret.encode() + after).decode()
    hidden = hide(f"Basic {text}", [secret])
    assert "********" in hidden
    # No byte of it can be had from what is left.
    left = hidden.removeprefix("Basic ").split("********")
    assert len(left[0]) <= len(before) * 8 // 6
    assert len(left[1].rstrip("=")) <= -(-len(after) * 8 // 6)


def test_every_longer_line_of_a_secret_is_hidden_by_itself() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQ/IBAD+\n   indented\nab\n-----END KEY-----\n"
    text = "MIIEvQ/IBAD+ and MIIEvQ%2fIBAD%2b and indented but ab"
    assert hide(text, [key]) == "******** and ******** and ******** but ab"


def test_a_secret_that_is_a_part_of_another_leaves_nothing_of_that() -> None:
    assert hide("password1 cGFzc3dvcmQx", ["pass", "password1"]) == "******** ********"


def test_an_empty_secret_hides_nothing() -> None:
    assert hide("some text", ["", " "]) == "some text"


def test_short_lines_of_a_long_secret_do_not_blank_the_text() -> None:
    assert hide('{"status": "ok"}', ['{\n"password": "hunter2"\n}']) == '{"status": "ok"}'


def test_a_secret_too_short_to_be_hidden_leaves_addresses_and_numbers_alone_and_is_named() -> None:
    text = "connect to 127.0.0.1:8081: [Errno 111] refused"
    assert hide(text, ["1", "11", "111", " 1\n"]) == text
    assert unmaskable({"A": "1", "B": "abc\n", "C": "abcd", "D": 12, "E": ""}) == ["A", "B", "D"]


def test_a_deployment_warns_of_a_secret_that_is_too_short_by_its_name(inventory: Path) -> None:
    given = {"deploy_secrets": {"pin": "7\u00a9"}, "deploy_secret_env": {"PIN": "8\u00a9", "TOKEN": "long enough"}}
    _, output = play("deploy", "-e", json.dumps(given), inventory=inventory, SLIPWAY_ENV="staging")
    told = " ".join(output.split())
    assert "deploy_secrets has 'pin', which is too short to be masked" in told
    assert "deploy_secret_env has 'PIN', which is too short to be masked" in told
    assert "TOKEN" not in output
    assert "©" not in output


def test_a_hundred_secrets_are_hidden_quickly_in_a_long_log() -> None:
    secrets = [f"s3cr/t-{number}+" + chr(97 + number % 26) * 24 + "\\'é" for number in range(100)]
    log = "\n".join(f"GET /api/items/{number}?q=s3cr%2Ft&r=\"x\" 200 {'\\' * 9}" for number in range(250))
    began = time.process_time()
    hidden = hide(log + json.dumps(secrets), secrets)
    for _ in range(20):
        hide(log, secrets)
    assert hidden.count("********") == len(secrets)
    assert time.process_time() - began < 3


def test_a_secret_and_a_text_made_to_waste_time_do_not() -> None:
    began = time.process_time()
    hide("\\" * 5000 + "%25" * 3000 + "&amp;" * 2000, ["\\" * 40 + "'" * 40 + "%" * 40 + "x", "\\n\\t\\n'"])
    assert time.process_time() - began < 3
