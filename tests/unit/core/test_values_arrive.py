"""What stands in group_vars and vaults arrives byte for byte, or is refused: through a real ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.constants import DEFAULT_VAULT_IDENTITY
from ansible.parsing.vault import VaultLib, VaultSecret
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import hostile

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = b"only for this test"
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - slipway.core.validate: {verb: deploy.yml, options: [env, version, lock_wait]}
- hosts: "{{ env }}"
  gather_facts: false
  tasks:
    # Skipped as a whole; what it leaves are the role's variables.
    - ansible.builtin.import_role: {name: slipway.core.deploy, tasks_from: lock}
      when: false
    - reach_engine:
        configuration: "{{ __deploy_configuration }}"
        secrets: "{{ __deploy_secrets | to_json }}"
        directory: "{{ inventory_dir }}"
"""
LOOKED_UP = "\ufeff0512 {{ x }} {# y #}\r\n1.10\u2028é\x85 \n\n"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


class UnsafeText(str):
    """A text behind !unsafe."""


class Vaulted(str):
    """A text that is encrypted by itself."""


def vault() -> VaultLib:
    return VaultLib([(DEFAULT_VAULT_IDENTITY, VaultSecret(PASSWORD))])


class Dumper(hostile.Dumper):
    """Knows the two as well."""


Dumper.add_representer(UnsafeText, lambda dumper, it: dumper.represent_scalar("!unsafe", str(it), '"'))
Dumper.add_representer(
    Vaulted, lambda dumper, it: dumper.represent_scalar("!vault", vault().encrypt(str(it)).decode(), "|")
)


def dumped(variables: dict[str, Any]) -> str:
    return yaml.dump(variables, Dumper=Dumper, allow_unicode=False, width=10**9)


def play(folder: Path, text: str, secret: str = "", *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the play with these group_vars, and this as a file of the vault."""
    group = folder / "group_vars/staging"
    group.mkdir(parents=True, exist_ok=True)
    (group / "vars.yml").write_text(text, encoding="utf-8")
    (group / "vault.yml").write_bytes(vault().encrypt(secret or "{}"))
    (folder / "password").write_bytes(PASSWORD)
    hosts = {name: {"hosts": {f"my-{name}": {"ansible_connection": "local"}}} for name in ("staging", "production")}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": hosts}}), encoding="utf-8")
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    variables = {"env": "staging"}
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-i", str(folder / "hosts.yml"), "--vault-password-file", str(folder / "password")]
    return subprocess.run(
        [*command, str(folder / "play.yml"), "-e", json.dumps(variables), *args],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_LIBRARY": str(Path(__file__).parent / "values"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
            "SLIPWAY_EVENTS": str(folder / "events.jsonl"),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def sent(folder: Path) -> dict[str, Any]:
    """What Docker Engine would be told, read as it reads it."""
    return dict(json.loads((folder / "sent.json").read_text(encoding="utf-8")))


@settings(max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(made=st.lists(TEXT, min_size=20, max_size=100))
def test_every_text_arrives_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, made: list[str]) -> None:
    folder = tmp_path_factory.mktemp("values")
    texts = [*hostile.TEXTS, *made]
    numbered = {f"V{number}": text for number, text in enumerate(texts)}
    # In a secret file NUL is a byte like another; a secret without a value is refused.
    files = {f"f{number}": f"{text}\0x" for number, text in enumerate(texts)}
    secret_env = {f"S{number}": text for number, text in enumerate(texts) if text}
    alone = {f"A{number}": UnsafeText(text) for number, text in enumerate(("a{{ b", "x{# y #}", "$ {%"))}
    vaulted = {f"W{number}": Vaulted(text) for number, text in enumerate(("012345", "yes", "{{ x }}\n", "1.10\r\n"))}
    worked_out = {"T1": "{{ '012345' }}", "T2": "0{{ 1 }}", "T3": "{{ '0512' }}\n"}
    written = folder / "written"
    written.write_bytes(LOOKED_UP.encode())
    looked_up = {
        "L1": "{{ lookup('ansible.builtin.env', 'OF_THE_TEST') }}",
        "L2": f"{{{{ lookup('ansible.builtin.file', '{written}', rstrip=false) }}}}",
        "L3": f"{{{{ lookup('ansible.builtin.file', '{written}') }}}}",
        "L4": f"{{{{ lookup('ansible.builtin.pipe', 'cat {written}') }}}}",
        "L5": f"p{{{{ lookup('ansible.builtin.file', '{written}', rstrip=false) }}}}s",
    }
    public = {
        "deploy_env": hostile.Unsafe({**numbered, **hostile.NAMED}),
        "deploy_labels": hostile.Unsafe({f"l{number}": text for number, text in enumerate(texts)}),
        "given_alone": {**alone, **vaulted, **worked_out, **looked_up},
        "deploy_secret_env": "{{ given_alone | combine(given_in_a_vault) }}",
        "deploy_command": [UnsafeText(text) for text in ("a{{ b", "$ {%")] + ["012345", "1.10", "yes", "a\r\n", ""],
        "deploy_memory": "512m",
    }
    secret = {"given_in_a_vault": hostile.Unsafe(secret_env), "deploy_secrets": hostile.Unsafe(files)}
    run = play(folder, dumped(public), dumped(secret), OF_THE_TEST=LOOKED_UP)
    assert run.returncode == 0, run.stdout + run.stderr
    body = sent(folder)
    expected = {
        **numbered,
        **hostile.NAMED,
        **secret_env,
        **{name: str(text) for name, text in {**alone, **vaulted}.items()},
        **{"T1": "012345", "T2": "01", "T3": "0512\n"},
        **{
            "L1": LOOKED_UP,
            "L2": LOOKED_UP,
            "L3": LOOKED_UP.rstrip(),
            "L4": LOOKED_UP.rstrip(),
            "L5": f"p{LOOKED_UP}s",
        },
    }
    assert dict(entry.split("=", 1) for entry in body["Env"]) == expected
    assert body["Labels"] == {f"l{number}": text for number, text in enumerate(texts)}
    assert body["Cmd"] == ["a{{ b", "$ {%", "012345", "1.10", "yes", "a\r\n", ""]
    (kept,) = folder.glob("configs/*/files")
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == {
        name: text.encode() for name, text in files.items()
    }


REFUSED = """
deploy_env: {APP_RELEASE: 1.10, COUNTRY: NO, ON: yes}
deploy_secret_env: {TOKEN: !unsafe '012345', FLAG: !unsafe 'yes', WORKED_OUT: "{{ 5 }}"}
deploy_user: 10001
deploy_docker_min_version: 20.10
release_series: 1.10
ansible_host: 10.10
ansible_user: 0123
"""


def test_what_is_no_text_is_refused_by_its_name(tmp_path: Path) -> None:
    run = play(tmp_path, REFUSED, "deploy_secrets: {pin: !unsafe '1.10'}")
    told = " ".join((run.stdout + run.stderr).split())
    assert run.returncode != 0, told
    for said in (
        "deploy_env has APP_RELEASE, which YAML reads as 1.1 and not as text",
        "deploy_env has COUNTRY",
        "deploy_env has a name, which YAML reads as true",
        "deploy_secret_env has TOKEN",
        "deploy_secret_env has FLAG",
        "deploy_secret_env has WORKED_OUT",
        "deploy_secrets has pin",
        "deploy_user has a value",
        "deploy_docker_min_version has a value",
        "release_series has a value",
        "ansible_host has a value, which YAML reads as 10.1 and not as text",
        "ansible_user has a value",
    ):
        assert said in told
    assert "5349" not in told


def test_the_command_line_is_no_way_around(tmp_path: Path) -> None:
    run = play(tmp_path, "{}", "", "-e", '{"deploy_env": {"A": 1.10}, "deploy_user": 10001}')
    told = " ".join((run.stdout + run.stderr).split())
    assert run.returncode != 0, told
    assert "deploy_env has A, which YAML reads as 1.1" in told
    assert "deploy_user has a value, which YAML reads as 10001" in told


def test_no_option_of_a_verb_is_guessed_at(tmp_path: Path) -> None:
    run = play(tmp_path, "{}", "", "-e", '{"lock_wait": 1:30}')
    assert "lock_wait is written 1:30, of which YAML makes 90" in " ".join(run.stdout.split())


CHANGED = """
ansible_port: 022
base_port: 0512
tag: 1.10
common: {PASSWORD: 'a{# b #}c'}
deploy_port: "{{ base_port }}"
deploy_container_port: "{{ base_port + 1 }}"
deploy_drain_timeout: 1:30
deploy_canary_steps: [010, 0x20]
deploy_env: "{{ common | combine({'TAG': 'v' ~ tag}) }}"
deploy_command: ["a{# b #}c"]
deploy_health_path: "/v{{ tag }}"
"""


def test_what_has_changed_before_anybody_sees_it_is_refused(tmp_path: Path) -> None:
    """Numbers from group_vars, host_vars, an encrypted file and the command line; templates that lose a part."""
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/my-staging.yml").write_text("deploy_health_deadline: 1_0\n", encoding="utf-8")
    encrypted = "# ünï\ndeploy_soak_seconds: 00\ndeploy_pids_limit: 0x10\n"
    run = play(tmp_path, CHANGED, encrypted, "-e", '{"deploy_stop_timeout": 0512}')
    told = " ".join((run.stdout + run.stderr).split())
    assert run.returncode != 0, told
    for said in (
        "ansible_port is written 022, of which YAML makes 18",
        "base_port, which deploy_port uses, is written 0512, of which YAML makes 330: write the number that is meant",
        "base_port, which deploy_container_port uses, is written 0512",
        "deploy_drain_timeout is written 1:30, of which YAML makes 90",
        "deploy_canary_steps, element 1, is written 010, of which YAML makes 8",
        "deploy_canary_steps, element 2, is written 0x20",
        "common.PASSWORD, which deploy_env uses, is a template of which Ansible drops or changes a comment",
        "deploy_env tells tag, which YAML reads as 1.1 where 1.10 is written",
        "deploy_command, element 1, is a template of which Ansible drops",
        "deploy_health_path tells tag, which YAML reads as 1.1",
        "deploy_health_deadline is written 1_0",
        "deploy_soak_seconds is written 00",
        "deploy_pids_limit is written 0x10, of which YAML makes 16",
        "deploy_stop_timeout is written 0512, of which YAML makes 330",
    ):
        assert said in told, (said, told)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Ansible by itself warns, and drops the first value."""
    run = play(tmp_path, "deploy_env: {A: first, A: second}\n")
    assert run.returncode != 0
    assert "Found duplicate mapping key 'A'" in " ".join((run.stdout + run.stderr).split())
