"""Text that would arrive as another one is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.slipway.core.plugins.action.validate import role_options
from ansible_collections.slipway.core.plugins.module_utils import altered, texts

OPTIONS = role_options()
LINES = sorted(
    name for name, option in OPTIONS.items() if option.get("type", "str") == "str" and name not in altered.FREE
)


@pytest.mark.parametrize(
    "text", ["x{# y #}z", "a\r\n{{ 1 }}", "{% raw %}\na{% endraw %}", "{% raw %}a{% endraw %}\n", "#jinja2: a\n{{ 1 }}"]
)
def test_what_templating_drops_is_refused(text: str) -> None:
    (told,) = altered.template_problems("deploy_env.A", text)
    assert told.startswith("deploy_env.A is a template of which Ansible drops or changes ")


@pytest.mark.parametrize(
    ("text", "arrives"),
    [("{{ 'b' }}\n", "b\n"), ("{% raw %}a{{b{% endraw %}", "a{{b"), ("a\n#jinja2: {{ 'b' }}", "a\n#jinja2: b")],
)
def test_what_templating_leaves_alone_passes(text: str, arrives: str) -> None:
    assert not altered.template_problems("deploy_env.A", text)
    assert Templar(DataLoader(), {}).template(trust_as_template(text)) == arrives


@pytest.mark.parametrize("control", ["\n", "\r", "\x1b[2J", "\x7f", "\x9b", "\u2028"])
def test_no_variable_of_one_line_takes_control_characters(control: str) -> None:
    for name in LINES:
        assert altered.problems(OPTIONS, {name: f"a{control}"}), name
    assert altered.problems(OPTIONS, {"deploy_smoke_paths": ["/a", f"/{control}"]})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"deploy_env": {"A": "b"}, "deploy_secret_env": {"A": "c"}}, "both have A"),
        ({"deploy_env": {"A": "x" * (altered.LONGEST - 1)}}, "deploy_env has A, which is longer than 131071 bytes"),
        ({"deploy_command": ["sh", "x" * 131072]}, "deploy_command has element 2, which is longer"),
    ],
)
def test_what_cannot_arrive_is_refused(values: dict[str, Any], says: str) -> None:
    (told,) = altered.problems(OPTIONS, values)
    assert says in told


def test_what_can_arrive_passes() -> None:
    values = {
        "deploy_env": {"A": "x" * (altered.LONGEST - 2), "LINES": "a\r\n\tb"},
        "deploy_command": ["sh", "-c", "a\nb"],
        "deploy_port": "0",
        "deploy_cpus": "0.5",
        "proxy_tls_certificate": "a\nb\n",
    }
    assert not texts.problems(OPTIONS, values)
    assert not altered.problems(OPTIONS, values)
