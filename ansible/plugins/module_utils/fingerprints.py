"""Each setting of a configuration and of a front by its variable, told as a fingerprint.

An approval records them, so that whoever refuses it later can name what differs, and no value stands in the ledger.
They are made with the environment's key: a guessable secret cannot be found by trying values against the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Iterator, Mapping

from ansible_collections.slipway.core.plugins.module_utils import ledger
from ansible_collections.slipway.core.plugins.module_utils.front_snapshot import Front
from ansible_collections.slipway.core.plugins.module_utils.history import TEMPLATE
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration

DIGITS = 8


def of(asked: Configuration, front: Front | None, key: bytes) -> dict[str, str]:
    """The fingerprint of each setting, by variable."""
    found = dict(_settings(asked, front))
    return {name: _print(name, found[name], key) for name in sorted(found)}


def _settings(asked: Configuration, front: Front | None) -> Iterator[tuple[str, Any]]:
    yield from _flat("deploy_", asked.public)
    yield from _flat("deploy_secret_env.", asked.secrets_env)
    yield from _flat("deploy_secrets.", asked.secret_files)
    if front:
        yield from front.settings.items()
        yield TEMPLATE, front.config


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            # The settings of the health check are variables of their own.
            yield from _flat(f"{prefix}{name}{'_' if name == 'health' else '.'}", value)
        else:
            yield f"{prefix}{name}", value


def _print(name: str, value: Any, key: bytes) -> str:
    told = ledger.canonical([name, value])
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:DIGITS]
