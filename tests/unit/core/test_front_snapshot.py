"""What belongs to the front is named, kept and compared, and the certificate's key stays out of sight."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.core.plugins.module_utils import front_snapshot
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front
from ansible_collections.slipway.core.plugins.module_utils.snapshot import SnapshotDamaged

ROLE = Path(__file__).resolve().parents[3] / "ansible" / "roles" / "proxy"
# What changes nothing in the front itself: who pulls its image.
IN_NO_FRONT = {"proxy_registry_username", "proxy_registry_password"}
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def front(certificate: str = "", config: str = "global\n", **settings: Any) -> Front:
    named = {"proxy_tls_certificate": "given" if certificate else "", "deploy_port": 8081, **settings}
    return Front(named, config, certificate)


def test_every_public_variable_of_the_proxy_is_part_of_the_front_or_named_as_an_exception() -> None:
    public = set(yaml.safe_load((ROLE / "defaults/main.yml").read_text()))
    named = set(yaml.safe_load((ROLE / "vars/main.yml").read_text())["__proxy_front_settings"])
    assert public - named == IN_NO_FRONT
    assert not {name for name in named - public if not name.startswith("deploy_")}


def test_it_comes_back_as_it_was_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    made = front(PEM)
    assert front_snapshot.write(tmp_path, made)
    assert not front_snapshot.write(tmp_path, made)
    assert front_snapshot.read(tmp_path, made.name) == made
    (path,) = (tmp_path / "fronts").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_part_of_it_changes_its_hash_but_a_renewed_certificate_only_its_name() -> None:
    variants = [front(), front(PEM), front(deploy_port=8090), front(config="global\n    maxconn 1\n")]
    assert len({it.hash for it in variants}) == len(variants)
    renewed = front(PEM.replace("A", "B"))
    assert renewed.hash == front(PEM).hash
    assert renewed.name != front(PEM).name


@pytest.mark.parametrize("change", [("8081", "8082"), ("AAAA", "BBBB"), ("{", "")])
def test_one_that_somebody_has_changed_is_not_brought_back(tmp_path: Path, change: tuple[str, str]) -> None:
    made = front(PEM)
    front_snapshot.write(tmp_path, made)
    path = tmp_path / "fronts" / f"{made.name}.json"
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(SnapshotDamaged):
        front_snapshot.read(tmp_path, made.name)


def test_what_no_ledger_needs_goes_and_half_written_ones_too(tmp_path: Path) -> None:
    kept, gone = front(), front(deploy_port=8090)
    front_snapshot.write(tmp_path, kept)
    front_snapshot.write(tmp_path, gone)
    (tmp_path / "fronts" / "x.json.new").write_text(PEM)
    front_snapshot.prune(tmp_path, {kept.name})
    assert [path.stem for path in (tmp_path / "fronts").iterdir()] == [kept.name]
    assert front_snapshot.find(tmp_path, gone.name) is None


def test_who_looks_at_the_settings_sees_no_secret_and_whether_there_is_one() -> None:
    shown = front_snapshot.public(front(PEM, deploy_canary_key="a hash"))
    assert shown == {"proxy_tls_certificate": "(set)", "deploy_port": 8081, "deploy_canary_key": "(set)"}
    assert front_snapshot.public(front(deploy_canary_key="")) == {**shown, **dict.fromkeys(front_snapshot.SECRETS, "")}


def test_only_what_differs_is_shown_and_never_a_certificate() -> None:
    assert front_snapshot.diff(front(), front()) == {"before": {}, "after": {}}
    assert front_snapshot.diff(front(), front(PEM, deploy_port=8090)) == {
        "before": {"deploy_port": 8081, "proxy_tls_certificate": "(not set)"},
        "after": {"deploy_port": 8090, "proxy_tls_certificate": "(set)"},
    }
    first = front_snapshot.diff(None, front(deploy_canary_key=""))
    assert first == {"before": {}, "after": {"deploy_port": 8081}}
    other = front_snapshot.diff(front(PEM), front(PEM.replace("A", "B")))
    assert other == {"before": {"proxy_tls_certificate": "(set)"}, "after": {"proxy_tls_certificate": "(changed)"}}
