"""A number that YAML has guessed at is refused, wherever it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.slipway.core.plugins.plugin_utils import written

# What YAML makes another number of than a person reads, or writes as nobody else does.
GUESSED = {"0512": 330, "1:30": 90, "-1:30": -90, "0x10": 16, "0b11": 3, "1_000": 1000, "00": 0, "1:30.5": 90.5}
PLAIN = ["0", "8080", "-1", "+5", "1.5", "0.50", "-0.5", "1.5e+3", "1.0"]


def read(folder: Path, text: str) -> dict[str, Any]:
    """What Ansible reads from a file."""
    path = folder / "vars.yml"
    path.write_text(text, encoding="utf-8")
    return dict(DataLoader().load_from_file(str(path)))


def refusals(values: dict[str, Any]) -> list[str]:
    sources = written.Sources(DataLoader().get_text_file_contents)
    return [told for name, value in values.items() for told in written.number_problems(name, value, sources)]


@pytest.mark.parametrize("number", GUESSED)
def test_a_guessed_number_is_refused_wherever_it_stands(tmp_path: Path, number: str) -> None:
    text = f"# ünï\n---\nfirst: ünï\na:   {number} # that\nb: [1, {number}]\nc: {{d: {{e: !unsafe '{number}'}}}}\n"
    told = refusals(read(tmp_path, f"{text}f: &same {number}\ng: *same\n"))
    places = ("a", "b, element 2,", "c.d.e", "f", "g")
    assert told == [
        f"{place} is written {number}, of which YAML makes {GUESSED[number]}: write the number that is meant in plain "
        "decimal digits, without zeros before it"
        for place in places
    ]


@pytest.mark.parametrize("number", PLAIN)
def test_a_number_in_decimal_digits_passes(tmp_path: Path, number: str) -> None:
    values = read(tmp_path, f"a: {number}\nb: [{number}, true, yes, text, 2024-01-01, ~]\nc: {{d: {number}}}\n")
    assert written.is_number(values["a"])
    assert not refusals(values)


def test_of_a_number_that_comes_from_nowhere_nothing_is_said(tmp_path: Path) -> None:
    assert not refusals({"a": 330, "b": [90], "c": {"d": 1.1}})
    values = read(tmp_path, "a: 0512\n")
    (tmp_path / "vars.yml").write_text("not: [what it was", encoding="utf-8")
    assert not refusals(values)
    (tmp_path / "vars.yml").unlink()
    assert not refusals(values)


@pytest.mark.parametrize("number", ["0x10", '"0x11"', "1_000"])
def test_a_guessed_number_of_an_inventory_in_ini_is_refused(tmp_path: Path, number: str) -> None:
    path = tmp_path / "inventory.ini"
    path.write_text(f"[staging]\nvm other=1 deploy_port={number}\n[staging:vars]\ndeploy_pids_limit = 0b1\n")
    inventory = InventoryManager(DataLoader(), str(path))
    told = refusals({**inventory.get_host("vm").vars, **inventory.groups["staging"].vars})
    assert [it.partition(",")[0] for it in told] == [
        f"deploy_port is written {number.strip('"')}",
        "deploy_pids_limit is written 0b1",
    ]
