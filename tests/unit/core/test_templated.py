"""What a template would change on its way into a variable is refused, whichever variable it stands in."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.slipway.core.plugins.action.validate import role_options
from ansible_collections.slipway.core.plugins.module_utils import texts
from ansible_collections.slipway.core.plugins.plugin_utils import templated, written

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = role_options()
TEXTS = sorted(name for name, option in OPTIONS.items() if templated.is_text(name, option))


def read(folder: Path, text: str) -> tuple[DataLoader, dict[str, Any], dict[str, Any]]:
    """What Ansible reads from a file, and what it makes of that."""
    path = folder / "vars.yml"
    path.write_text(text, encoding="utf-8")
    loader = DataLoader()
    raw: dict[str, Any] = loader.load_from_file(str(path), trusted_as_template=True)
    templar = Templar(loader, raw)
    return loader, raw, {name: templar.template(value) for name, value in raw.items()}


def refusals(folder: Path, text: str) -> list[str]:
    """What is said of the variables of a file."""
    loader, raw, values = read(folder, text)
    templar = Templar(loader, raw)
    sources = written.Sources(loader.get_text_file_contents)
    return templated.problems(OPTIONS, raw, values, templar.is_template, sources)


def test_no_variable_that_is_text_loses_a_comment(tmp_path: Path) -> None:
    for name in TEXTS:
        for of, text in (
            ("dict", "{KEY: 'a{# b #}c'}"),
            ("list", "['a{# b #}c']"),
            ("str", "'a{# b #}c'"),
        ):
            if OPTIONS[name].get("type", "str") in (of, "path"):
                (told,) = refusals(tmp_path, f"{name}: {text}")
                assert told.startswith(name)
                assert "is a template of which Ansible drops or changes a comment, {# … #}" in told


@pytest.mark.parametrize(
    "uses",
    [
        "{{ common }}",
        "{{ common | combine({'A': 'b'}) }}",
        "{{ other }}",
        "{{ lookup('vars', 'common') }}",
        "{% if true %}{{ common }}{% endif %}",
    ],
)
def test_what_another_variable_loses_is_refused_where_it_is_used(tmp_path: Path, uses: str) -> None:
    given = 'common: {PASSWORD: "a{# b #}c"}\nother: "{{ common }}"\nunused: "{# that #}"\n'
    (told,) = refusals(tmp_path, f'{given}deploy_env: "{uses}"')
    assert told.startswith("common.PASSWORD, which deploy_env uses, is a template of which Ansible drops")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'base: 0512\ndeploy_port: "{{ base }}"',
            "base, which deploy_port uses, is written 0512, of which YAML makes 330",
        ),
        (
            'base: 0512\ndeploy_port: "{{ base + 1 }}"',
            "base, which deploy_port uses, is written 0512, of which YAML makes 330",
        ),
        ('base: 010\ndeploy_env: {A: "v{{ base }}"}', "base, which deploy_env uses, is written 010"),
        ("deploy_canary_steps: [010, 25]", "deploy_canary_steps, element 1, is written 010"),
        ("deploy_ulimits: {nofile: 1:30}", "deploy_ulimits.nofile is written 1:30"),
        ("deploy_read_only: 00", "deploy_read_only is written 00"),
    ],
)
def test_a_guessed_number_is_refused_where_it_is_used(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in told for told in refusals(tmp_path, text)), refusals(tmp_path, text)


@pytest.mark.parametrize(
    "part",
    [
        "v{{ it }}",
        "{{ 'v' ~ it }}",
        "{{ it | string }}",
        "{{ ['v', it] | join }}",
        "{{ it if true else 'x' }}-",
        "v{{ m.it }}",
        "{{ m.get('it') }}",
        "{{ m | to_json }}",
        "{{ l | join(',') }}",
        "{% for one in l %}{{ one }},{% endfor %}",
        "{% for name, one in m.items() %}{{ name }}={{ one }},{% endfor %}",
        "{{ 'v%s' | format(it) }}",
        "{{ 'v{}'.format(it) }}",
        "{{ 'v%s' % it }}",
    ],
)
def test_a_number_whose_text_would_be_another_is_refused_in_a_text(tmp_path: Path, part: str) -> None:
    given = f'it: 1.10\nm: {{it: 1.10}}\nl: [2, 1.10]\ndeploy_labels: {{A: "{part}"}}'
    (told,) = refusals(tmp_path, given)
    assert "deploy_labels.A tells " in told
    assert ", which YAML reads as 1.1 where 1.10 is written, and not as text: put it in quotes" in told.replace(
        ",,", ","
    )


@pytest.mark.parametrize(
    "text",
    [
        'it: NO\ndeploy_env: {A: "land-{{ it }}"}',
        'it: 2024-01-01 12:00:00\ndeploy_public_url: "http://{{ it }}"',
        'it: NO\ncommon: {A: "land-{{ it }}"}\ndeploy_env: "{{ common }}"',
    ],
)
def test_a_truth_value_or_date_is_refused_in_a_text(tmp_path: Path, text: str) -> None:
    (told,) = refusals(tmp_path, text)
    assert "tells it, which YAML reads as" in told


@pytest.mark.parametrize(
    "text",
    [
        'it: 8080\ndeploy_public_url: "http://localhost:{{ it }}"',
        'it: "1.10"\ndeploy_env: {A: "v{{ it }}", B: "{{ it }}"}',
        "flag: true\ndeploy_env: {A: \"{{ flag | string | lower }}\", B: \"{{ 'a' if flag else 'b' }}\"}",
        "m: {a: 1.10, b: x}\nl: [1, 2]\ndeploy_env: {A: \"{{ m.b }}-{{ m.get('b') }}\", B: \"{{ l | join(',') }}\"}",
        'ratio: 1.50\ndeploy_env: {A: "{{ \'%.2f\' | format(ratio) }}", B: "{{ ratio | round(1) | int }} per cent"}',
        'factor: 1.10\ndeploy_env: {A: "{{ (factor * 100) | int | string }}"}',
        'common: {A: "{# seen by nobody #}"}\ndeploy_port: 8080',
        "deploy_env: !unsafe {A: 'a{# b #}c', B: '{{ x }}'}",
        "deploy_env: {A: \"{{ lookup('env', 'HOME') }}\"}",
    ],
)
def test_what_arrives_as_it_was_written_passes(tmp_path: Path, text: str) -> None:
    assert not refusals(tmp_path, text)


def test_the_readme_shows_what_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "0123 {{ x }}")
    (shown,) = re.findall(r"```yaml\n( *deploy_secrets: .*?) *```", (ROOT / "README.md").read_text(), re.DOTALL)
    text = textwrap.dedent(shown).replace("ansible.builtin.", "")
    _, _, values = read(tmp_path, text)
    assert values == {
        "deploy_secrets": {"database_password": """p$ss{{"word""", "pin": "012345"},
        "deploy_secret_env": {"API_TOKEN": "0123 {{ x }}"},
    }
    assert not texts.problems(OPTIONS, values)
    assert not refusals(tmp_path, text)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("password", ["012345", "p{{ss}} ", " \t", "a\\b'\"#\u00a0"])
def test_a_password_in_a_file_is_all_of_its_line(tmp_path: Path, password: str, end: str) -> None:
    (tmp_path / "password").write_text(f"{password}{end}", encoding="utf-8", newline="")
    defaults = (ROOT / "ansible/roles/release/defaults/main.yml").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^release_registry_password: >-\n(?:  .*\n)+", defaults, re.MULTILINE)
    text = shown.replace("ansible.builtin.", "")
    _, _, values = read(tmp_path, f"release_registry_password_file: {tmp_path / 'password'}\n{text}")
    assert values["release_registry_password"] == password
