"""What would be another text once it has gone through a template; problems are sentences without their full stop."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Callable

import jinja2
from ansible_collections.slipway.core.plugins.module_utils import altered, texts
from ansible_collections.slipway.core.plugins.plugin_utils import written
from jinja2 import nodes

# Only reads templates, and makes nothing of them.
_ENVIRONMENT = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
# What they make of a number is another number, or says something else of it.
_COUNTING = (
    *("abs", "bool", "count", "filesizeformat", "float", "human_readable", "int", "length", "log", "max", "min", "pow"),
    *("root", "round", "sum", "ternary"),
)
# Ansible's own, as a number.
PORT = "ansible_port"
_Path = tuple[Any, ...]


def problems(
    options: Mapping[str, Mapping[str, Any]],
    raw: Mapping[str, Any],
    values: Mapping[str, Any],
    is_template: Callable[[Any], bool],
    sources: written.Sources,
) -> list[str]:
    """A sentence for each template, and each variable that one uses, which would silently change what was written.

    :param raw: all variables of a host as they were read, before any templating.
    :param values: all variables of a host.
    """
    found: dict[str, None] = {}
    for name in sorted(set(raw) & {*options, PORT}):
        text, numbers = name != PORT and is_text(name, options[name]), []
        for where, template in _templates(name, raw[name], is_template):
            if text:
                found |= dict.fromkeys(_text_problems(where, template, values, sources))
            for used in _used(template, raw, is_template):
                user = f", which {name} uses,"
                numbers += written.number_problems(used, raw[used], sources, user)
                for inner, one in _templates(used, raw[used], is_template) if text else ():
                    found |= dict.fromkeys(_text_problems(f"{inner}{user}", one, values, sources))
        found |= dict.fromkeys(numbers or written.number_problems(name, values[name], sources))
    return list(found)


def is_text(name: str, option: Mapping[str, Any]) -> bool:
    """Whether a variable is text, or holds some."""
    of = option.get("type", "str")
    if of == "list":
        return option.get("elements", "str") in ("str", "path", "dict")
    return of in ("str", "path", "raw") or name in texts.TEXT_MAPPINGS


def _templates(name: str, value: Any, is_template: Callable[[Any], bool]) -> Iterator[tuple[str, str]]:
    for where, leaf in written.leaves(name, value):
        if isinstance(leaf, str) and is_template(leaf):
            yield where, leaf


def _parsed(template: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(template)
    except jinja2.TemplateError:
        return nodes.Template([])


def _used(template: str, raw: Mapping[str, Any], is_template: Callable[[Any], bool]) -> list[str]:
    """The variables that a template uses, and which those use: by name, through hostvars, or by a lookup."""
    used: list[str] = []
    waiting = [template]
    while waiting:
        tree = _parsed(waiting.pop())
        names = {node.name for node in tree.find_all(nodes.Name)}
        names |= {node.attr for node in tree.find_all(nodes.Getattr)}
        names |= {node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)}
        for name in sorted(names & set(raw) - set(used)):
            used.append(name)
            waiting += [inner for _, inner in _templates(name, raw[name], is_template)]
    return used


def _text_problems(where: str, template: str, values: Mapping[str, Any], sources: written.Sources) -> Iterator[str]:
    """That a template loses a part, or makes a text of what is none in another spelling than it was written in."""
    yield from altered.template_problems(where, template)
    tree = _parsed(template)
    roots: list[nodes.Node] = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
    if len(roots) == 1 and _path(roots[0]):
        # Stays what it is, and is refused where it is no text.
        roots = []
    roots += tree.find_all((nodes.Concat, nodes.Filter, nodes.Mod, nodes.Call))
    loops = {
        name.name: [path for path, _ in _told(loop.iter)]
        for loop in tree.find_all(nodes.For)
        for name in (loop.target, *loop.target.find_all(nodes.Name))
        if isinstance(name, nodes.Name)
    }
    for path, bare in (told for root in roots for told in _told(root)):
        for place in loops.get(path[0], [path]):
            yield from _spelling_problems(where, place, bare, values, sources)


def _spelling_problems(
    where: str, path: _Path, bare: bool, values: Mapping[str, Any], sources: written.Sources
) -> Iterator[str]:
    """That the text of a value is another one than what was written."""
    for shown, value in written.leaves(".".join(map(str, path)), _at(path, values)):
        text = sources.written(str(path[0]), value)
        if isinstance(value, bool) and bare:
            told = "as a truth value"
        elif isinstance(value, datetime.date):
            told = f"as {value}"
        elif text and text != str(value):
            told = f"as {value} where {text} is written,"
        else:
            continue
        yield f"{where} tells {shown.rstrip(',')}, which YAML reads {told} and not as text: put it in quotes"


def _told(node: nodes.Node, bare: bool = True) -> Iterator[tuple[_Path, bool]]:
    """The variables of which a part of a template tells the value, and whether it does so as it is."""
    path = _path(node)
    if path:
        yield path, bare
        return
    parts: list[nodes.Node] = []
    if isinstance(node, nodes.Filter):
        name = node.name.rpartition(".")[2]
        shows = name not in _COUNTING and not (name == "format" and "%s" not in str(getattr(node.node, "value", "%s")))
        parts = [it for it in (node.node, *node.args) if it is not None] if shows else []
        bare = bare and name in ("join", "format")
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        # A method of a text or of a mapping.
        parts = [node.node.node, *node.args]
    elif isinstance(node, nodes.Concat):
        parts = list(node.nodes)
    elif isinstance(node, (nodes.List, nodes.Tuple)):
        parts = list(node.items)
    elif isinstance(node, nodes.CondExpr):
        parts = [one for one in (node.expr1, node.expr2) if one is not None]
    elif isinstance(node, nodes.Mod) and isinstance(node.left, nodes.Const) and isinstance(node.left.value, str):
        parts = [node.right]
    for part in parts:
        yield from _told(part, bare)


def _path(node: nodes.Node) -> _Path:
    """Where among the variables an expression points; empty when it is no such place."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before = _path(node.node)
        return (*before, node.attr) if before else ()
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        before = _path(node.node)
        return (*before, node.arg.value) if before else ()
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "get" and node.args:
        before, name = _path(node.node.node), node.args[0]
        return (*before, name.value) if before and isinstance(name, nodes.Const) else ()
    return ()


def _at(path: _Path, values: Mapping[str, Any]) -> Any:
    try:
        found: Any = values[path[0]]
        for step in path[1:]:
            found = found[step]
    except Exception:  # Not there, or not to be worked out, which is told where it is used.
        return None
    return found
