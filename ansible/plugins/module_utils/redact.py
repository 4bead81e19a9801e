"""Keep secrets out of everything that people or files get to see."""

from __future__ import annotations

import base64
import functools
import html.entities
import re
from typing import Any, Iterable, Iterator, Mapping, NamedTuple

MASK = "********"
# What is shorter stands in addresses, numbers of errors and words by chance: masking it would tell nothing but itself.
SHORTEST = 4
# Inside of a longer base64 text, what is shorter than this may be chance too.
SHORTEST_INNER_BASE64 = 6
LONGEST_PATTERN = 10_000
BASE64_CHARACTER = "[A-Za-z0-9+/_-]?"
# What no encoding of characters changes.
SAFE_RUN = re.compile("[A-Za-z0-9]+")
SHORT_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a", "\x1b": "e"}
QUOTES = {"'": [r"'\''", "'\"'\"'", "''"], '"': ['""'], "%": ["%%"], " ": ["+"], "\n": ["\r\n"]}


class _Spelling(NamedTuple):
    """One way to write a secret: ``text`` is in it literally, and ``pattern``, unless it is empty, is all of it."""

    text: str
    pattern: str = ""


def hide(text: str, secrets: Iterable[str]) -> str:
    """``text`` with each secret replaced by a mask, unless it is shorter than :data:`SHORTEST`.

    Hidden are also the longer lines of a secret with several lines, and a secret the way applications print it:
    quoted for JSON, Python, a shell, a URL, HTML, YAML, in base64 (also as a part of what is encoded) and in hex.
    """
    for spelling in _spellings(tuple(secrets)):
        if spelling.text not in text:
            continue
        text = _compiled(spelling.pattern).sub(MASK, text) if spelling.pattern else text.replace(spelling.text, MASK)
    return text


def unmaskable(secrets: Mapping[str, Any]) -> list[str]:
    """The names of secrets that are too short to be hidden."""
    return [name for name, value in secrets.items() if 0 < len(str(value).strip()) < SHORTEST]


_compiled = functools.lru_cache(maxsize=1024)(re.compile)


@functools.lru_cache(maxsize=8)
def _spellings(secrets: tuple[str, ...]) -> list[_Spelling]:
    """Every spelling of every secret, those of the longest first, because a short one may be a part of a long one."""
    texts = {part for secret in secrets for part in _parts(secret)}
    return [spelling for text in sorted(texts, key=lambda it: (-len(it), it)) for spelling in _of(text)]


def _parts(secret: str) -> Iterator[str]:
    for part in (secret, *secret.splitlines()):
        if len(part.strip()) >= SHORTEST:
            yield part
            yield part.strip()


def _of(secret: str) -> Iterator[_Spelling]:
    yield _Spelling(secret)
    if len(secret) <= LONGEST_PATTERN and not SAFE_RUN.fullmatch(secret):
        yield _quoted(secret)
    raw = secret.encode("utf-8", "surrogatepass")
    for hexadecimal in (raw.hex(), raw.hex().upper()):
        pairs = [hexadecimal[at : at + 2] for at in range(0, len(hexadecimal), 2)]
        for between in ("", " ", ":", "%", r"\x"):
            yield _Spelling(between.strip(" :") + between.join(pairs))
    for offset in range(3):
        yield from _base64(raw, offset)


def _base64(raw: bytes, offset: int) -> Iterator[_Spelling]:
    """How base64 spells bytes that follow ``offset`` (modulo three) others; half a character of those may be theirs."""
    first, end = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
    if offset and end - first < SHORTEST_INNER_BASE64:
        return
    before = BASE64_CHARACTER if offset else ""
    after = f"{BASE64_CHARACTER}(?:=|%3[dD]){{0,2}}" if (offset + len(raw)) % 3 else ""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        core = _quoted(encode(bytes(offset) + raw).decode()[first:end])
        yield core._replace(pattern=before + core.pattern + after)


def _quoted(text: str) -> _Spelling:
    """A text of which each character but letters and digits may be escaped in whatever way, and once or more."""
    runs = SAFE_RUN.findall(text)
    # A run of backslashes is one, so that there is but one way to match it, and no time is lost with others.
    tokens = re.findall(r"[A-Za-z0-9]+|\\+|[\s\S]", text)
    return _Spelling(max(runs, key=len, default=""), "".join(map(_token, tokens)))


def _token(token: str) -> str:
    if SAFE_RUN.match(token):
        return token
    if token[0] == "\\":
        number = len(token)
        return rf"(?:\\{{{number},}}|(?:{_any_of(_encoded(token[0]))}){{{number}}})"
    return f"(?:{_any_of(_escaped(token))})"


def _any_of(patterns: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(patterns))


def _escaped(character: str) -> Iterator[str]:
    """Patterns of a character by itself, behind backslashes, doubled, and encoded."""
    yield from map(re.escape, QUOTES.get(character, ()))
    yield re.escape(character)
    yield rf"\\\\*{re.escape(character)}"
    if character in SHORT_ESCAPES:
        yield rf"\\\\*{SHORT_ESCAPES[character]}"
    yield from _encoded(character)


def _encoded(character: str) -> Iterator[str]:
    """Patterns of a character by its number, or the numbers of its bytes."""
    code = ord(character)
    raw = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass")
    # A URL within a URL has its % encoded again.
    yield "".join(f"%(?:25)*{_hex(f'{byte:02x}')}" for byte in raw)
    yield "".join(rf"\\\\*u{_hex(units[at : at + 2].hex())}" for at in range(0, len(units), 2))
    yield rf"\\\\*(?:u\{{0*{_hex(f'{code:x}')}\}}|U{_hex(f'{code:08x}')})"
    yield "".join(rf"\\\\*x{_hex(f'{byte:02x}')}" for byte in raw)
    yield "".join(rf"\\\\*{byte:03o}" for byte in raw)
    if code < 256:
        yield rf"\\\\*x{_hex(f'{code:02x}')}"
    # Twice escaped, the & is an entity too.
    numbers = [f"#0*{code}", f"#[xX]0*{_hex(f'{code:x}')}"]
    yield f"&(?:amp;)*(?:{_any_of([*numbers, *_entities().get(character, ())])});"


@functools.lru_cache(maxsize=1)
def _entities() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in html.entities.html5.items():
        found.setdefault(text, []).append(name.rstrip(";"))
    return found


def _hex(digits: str) -> str:
    return "".join(f"[{it}{it.upper()}]" if it.isalpha() else it for it in digits)
