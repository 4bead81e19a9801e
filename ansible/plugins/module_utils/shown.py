"""Text from outside, made fit to be shown: nothing in it moves a cursor, turns the reading direction or hides."""

from __future__ import annotations

import html
import re
from typing import Any

LINES = "\n\t"
ONE_LINE = ""

_PLAIN = re.compile(r"[ -~]*\Z")
# What Unicode calls printable or leaves to fonts, and still nobody sees: fillers, joiners, selectors of variants. Those
# that only choose between an emoji and its black-and-white form (FE0E, FE0F) are as they should be.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0d\U000e0100-\U000e01ef]"
)
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands; the older form counts anywhere.
_COMMAND = re.compile(r"(^[ \t]*:(?=:)|##(?=\[))", re.MULTILINE)
# What Markdown or HTML would take for more than a text; | is told apart, since a cell's end comes before all else.
_MARKUP = re.compile(r"[`\\*\[\]~$]")


def visible(text: str, keep: str = LINES) -> str:
    """A text in which every control character, format character, lone surrogate and the like is spelled out.

    :param keep: control characters that stay as they are; :data:`ONE_LINE` for a text that is to be one line.
    """
    if _PLAIN.match(text):
        return text
    return "".join(it if it in keep or (it.isprintable() and not _UNSEEN.match(it)) else ascii(it)[1:-1] for it in text)


def line(text: str) -> str:
    """The same on one line, with line breaks spelled out too."""
    return visible(text, ONE_LINE)


def uncommanding(text: str) -> str:
    """A text that GitHub's runner takes no command from, such as ``::add-mask::1`` at the start of a line."""
    return _COMMAND.sub(r"\1 ", text)


def plain(value: Any, keep: str = LINES) -> Any:
    """A value of JSON with every text in it, names too, made visible."""
    if isinstance(value, str):
        return visible(value, keep)
    if isinstance(value, dict):
        return {plain(name, ONE_LINE): plain(it, keep) for name, it in value.items()}
    if isinstance(value, list):
        return [plain(it, keep) for it in value]
    if isinstance(value, tuple):
        return tuple(plain(it, keep) for it in value)
    return value


def markdown(text: str) -> str:
    """A text as one line of Markdown that shows it, and is no markup, link, HTML or end of a table's cell."""
    one = line(" ".join(text.split()))
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", html.escape(one, quote=False)).replace("|", "\\|")
