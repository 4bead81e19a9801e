"""What belongs to the front of an environment, kept on the target beside the configurations so that it can come back.

Below the directory of an environment::

    fronts/<name>.json    settings by name, the settled configuration of HAProxy, certificate and key, mode 0600
    fronts/found          for one entry of the ledger whose front is not kept: the one that was found with it

The name is the hash of settings and configuration, 16 hex digits as that of a release's configuration, and with TLS
the fingerprint of the certificate. So an approval binds the hash alone, and a renewed certificate takes none. The
settled configuration is what HAProxy reads, but for what moves with the traffic or with a certificate: it names no
slot, no maintenance page, not itself, and for the certificate's file only TLS_FILE.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.slipway.core.plugins.module_utils import ledger
from ansible_collections.slipway.core.plugins.module_utils.snapshot import SnapshotDamaged

CERTIFICATE = "proxy_tls_certificate"
SECRETS = (CERTIFICATE, "deploy_canary_key")
"""Settings that are shown as set or changed only; of the certificate they say whether there is one."""
TLS_FILE = "tls.pem"
DIGITS = 16
NONE = ""
"""The hash where no proxy owns the public port."""
_NAME = re.compile(rf"[0-9a-f]{{{DIGITS}}}(-[0-9a-f]{{{DIGITS}}})?")

# Documented by the fragment slipway.core.front.
OPTIONS: dict[str, dict[str, Any]] = {
    "front": {"type": "dict", "default": {}},
    "certificate": {"type": "str", "default": "", "no_log": True},
}


@dataclass(frozen=True)
class Front:
    """All that belongs to the front.

    :param settings: by variable.
    :param config: the settled configuration of HAProxy.
    :param certificate: chain and key in PEM, empty for none.
    """

    settings: Mapping[str, Any]
    config: str
    certificate: str = ""

    @property
    def hash(self) -> str:
        """What an approval binds: all but the certificate, which is renewed every few weeks."""
        told = ledger.canonical({"settings": dict(self.settings), "config": self.config})
        return hashlib.sha256(told).hexdigest()[:DIGITS]

    @property
    def shown(self) -> str:
        """The fingerprint of its certificate; empty for none."""
        return fingerprint(self.certificate)

    @property
    def name(self) -> str:
        """Its identity."""
        return _name(self.hash, self.shown)


def public(front: Front | None) -> dict[str, Any] | None:
    """The settings for whoever looks, by variable: of the word for canaries only whether there is one."""
    if front is None:
        return None
    return {name: ("(set)" if value else "") if name in SECRETS else value for name, value in front.settings.items()}


def fingerprint(certificate: str) -> str:
    """What names a certificate with its key; empty for none."""
    return hashlib.sha256(certificate.encode("utf-8")).hexdigest()[:DIGITS] if certificate else ""


def asked(front: Mapping[str, Any], certificate: str) -> Front | None:
    """The front from the options of a module, None where no proxy owns the port."""
    return Front(dict(front["settings"]), str(front["config"]), certificate) if front else None


def _name(told: str, shown: str) -> str:
    return f"{told}-{shown}" if shown else told


def of_entry(entry: Mapping[str, Any] | None) -> str | None:
    """Name of the front that an entry of the ledger tells of; None where it does not, as those of earlier versions."""
    told = (entry or {}).get("front")
    return _name(str(told), str((entry or {}).get("certificate") or "")) if told is not None else None


def write(home: Path, front: Front) -> bool:
    """Keep a front; returns whether it was not kept already."""
    path = _path(home, front.name)
    content = ledger.canonical(asdict(front)) + b"\n"
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(mode=0o700, exist_ok=True)
    ledger.write_durably(str(path), content)
    return True


def read(home: Path, name: str) -> Front:
    """The front that is kept under a name.

    :raises SnapshotDamaged: it is not there, or not what the name stands for.
    """
    path = _path(home, name)
    try:
        told = json.loads(path.read_bytes())
        found = Front(dict(told["settings"]), str(told["config"]), str(told["certificate"]))
    except FileNotFoundError:
        raise SnapshotDamaged(str(path), "the file is missing") from None
    except (ValueError, KeyError, TypeError):
        raise SnapshotDamaged(str(path), "the file is not as it was written") from None
    if found.name != name:
        raise SnapshotDamaged(str(path), "the content is not what its name stands for")
    return found


def find(home: Path, name: str | None) -> Front | None:
    """The same, None for no name and where it is not kept, as that of an entry which nobody may go back to."""
    return read(home, name) if name and _path(home, name).exists() else None


def kept(home: Path, name: str | None) -> Front | None:
    """The same, None as well for what is no name, such as what somebody has written by hand, or is damaged."""
    try:
        return find(home, name)
    except (ValueError, SnapshotDamaged):
        return None


def told(wanted: Front, other: Front | None) -> str:
    """In which settings another front differs, for people; empty where it is not known."""
    if other is None:
        return ""
    sides = diff(wanted, other)
    names = sorted({*sides["before"], *sides["after"]})
    return ", ".join(f"{name} {sides['after'].get(name)} instead of {sides['before'].get(name)}" for name in names)


def remember(home: Path, entry: Mapping[str, Any], front: Front) -> None:
    """Keep a front that was found with an entry of which none is kept, for whoever has to come back to it."""
    write(home, front)
    ledger.write_durably(str(_found_path(home)), ledger.canonical({"seq": entry["seq"], "front": front.name}) + b"\n")


def with_entry(home: Path, entry: Mapping[str, Any] | None) -> str | None:
    """Name of the front of an entry of the ledger: the one found with it, or that it tells of; None for neither."""
    seq, name = _found(home)
    return name if entry and seq == entry.get("seq") else of_entry(entry)


def _found(home: Path) -> tuple[int, str]:
    try:
        told = json.loads(_found_path(home).read_bytes())
        return int(told["seq"]), str(told["front"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0, NONE


def _found_path(home: Path) -> Path:
    return home / "fronts" / "found"


def prune(home: Path, keep: Collection[str | None]) -> list[str]:
    """Remove the fronts whose name is not in ``keep``; returns the removed ones, sorted."""
    removed, found = [], _found(home)[1]
    for path in sorted((home / "fronts").glob("*")):
        if path.name.endswith(".new") or (_NAME.fullmatch(path.stem) and path.stem not in {*keep, found}):
            path.unlink()
            removed.append(path.stem)
    return removed


def diff(before: Front | None, after: Front | None) -> dict[str, dict[str, Any]]:
    """``{"before": …, "after": …}`` for --diff and for approvals: only the settings that differ, without secrets."""
    old, new = dict(before.settings if before else {}), dict(after.settings if after else {})
    unset = {name for name in SECRETS if not old.get(name) and not new.get(name)}
    changed = sorted(name for name in {*old, *new} - unset if old.get(name) != new.get(name))
    sides: dict[str, dict[str, Any]] = {
        "before": {name: old[name] for name in changed if name in old},
        "after": {name: new[name] for name in changed if name in new},
    }
    renewed = bool(before and after and before.shown != after.shown)
    for name in (it for it in SECRETS if it in changed or (it == CERTIFICATE and renewed)):
        sides["before"][name] = "(set)" if old.get(name) else "(not set)"
        told = "(changed)" if old.get(name) else "(set)"
        sides["after"][name] = told if new.get(name) else "(not set)"
    if before and after and not changed and before.config != after.config:
        sides["before"]["configuration"], sides["after"]["configuration"] = before.hash, after.hash
    return sides


def _path(home: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a front")
    return home / "fronts" / f"{name}.json"
