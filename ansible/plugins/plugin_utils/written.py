"""How a number was written, which YAML has made another one of before anybody sees it: 0512 is 330, and 1:30 is 90.

Ansible knows of each value where it comes from; of one of which it does not, nothing is said.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

import yaml

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:
    Origin = None

COMMAND_LINE = "<CLI option '-e'>"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = re.compile(r"[-+]?\.?[0-9][0-9a-zA-Z_:.+-]*\Z")
_PLAIN = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?\Z")


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What stands in a structure, each with where."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(f"{name}.{key}", inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value, 1):
            yield from leaves(f"{name}, element {number},", inner)
    else:
        yield name, value


def is_number(value: Any) -> bool:
    """Whether a value is a number, which a truth value is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Sources:
    """The files and options that values come from.

    :param read: returns the text of a file, decrypted where it is encrypted.
    :param options: what the command line sets.
    """

    def __init__(self, read: Callable[[str], str], options: Sequence[str] = ()) -> None:
        self._read = read
        self._options = options
        self._texts: dict[str, list[str]] = {}
        self._scalars: dict[str, list[dict[tuple[int, int], str]]] = {}

    def written(self, name: str, value: Any) -> str:
        """The text that a number was made of; empty when it is not known.

        :param name: of the variable, which INI has before it.
        """
        origin = Origin.get_tag(value) if Origin is not None else None
        if not is_number(value) or origin is None or not origin.line_num:
            return ""
        source = origin.path or origin.description or ""
        if origin.col_num:
            place = (origin.line_num, origin.col_num)
            found = [text for scalars in self._of(source) if (text := scalars.get(place))]
        else:
            lines = [text.splitlines()[origin.line_num - 1 : origin.line_num] for text in self._text(source)]
            setting = re.compile(rf"(?<![\w-]){re.escape(name)}\s*=\s*[\"']*([^\s\"'#]+)")
            found = [match[1] for line in lines for one in line for match in setting.finditer(one)]
        return next((text for text in found if _NUMBER.match(text)), "")

    def _text(self, source: str) -> list[str]:
        if source not in self._texts:
            try:
                self._texts[source] = list(self._options) if source == COMMAND_LINE else [str(self._read(source))]
            except Exception:  # Of what cannot be read nothing is said, for whatever reason.
                self._texts[source] = []
        return self._texts[source]

    def _of(self, source: str) -> list[dict[tuple[int, int], str]]:
        if source not in self._scalars:
            self._scalars[source] = [_scalars(text) for text in self._text(source)]
        return self._scalars[source]


def _scalars(text: str) -> dict[tuple[int, int], str]:
    """Every scalar of a YAML document by its line and column, as Ansible counts them."""
    try:
        waiting = [yaml.compose(io.StringIO(text), Loader=_LOADER)]
    except (yaml.YAMLError, UnicodeError):
        return {}
    found: dict[tuple[int, int], str] = {}
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            found[node.start_mark.line + 1, node.start_mark.column + 1] = node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [one for pair in node.value for one in pair]
        else:
            waiting += node.value
    return found


def number_problems(name: str, value: Any, sources: Sources, note: str = "") -> list[str]:
    """A sentence for each number of a variable that is not written as a person reads it.

    :param note: what to say of the variable.
    """
    found = []
    for where, leaf in leaves(name, value):
        text = sources.written(name, leaf)
        if text and not _PLAIN.match(text):
            found.append(
                f"{where}{note} is written {text}, of which YAML makes {leaf}: write the number that is meant in plain "
                "decimal digits, without zeros before it"
            )
    return found
