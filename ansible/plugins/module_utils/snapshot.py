"""Configuration snapshots: what a release ran with, kept on the target so that it can be gone back to.

Below the directory of an environment::

    config.key                   32 random bytes, mode 0600: the key of the configuration hashes
    configs/<hash>/config.json   public settings and secret environment variables, mode 0600
    configs/<hash>/files/NAME    secret files, mode 0600, owned by the container's user

``configs`` and ``configs/<hash>`` have mode 0711: ``files`` can be reached through them for a bind mount, and
nobody but root can list them. ``files`` has mode 0700 and is owned by the container's user.

A snapshot is complete or not there. Values come back exactly as they were given.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets as random_source
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.core.plugins.module_utils import ledger

KEY_BYTES = 32

_KEY_FILE = "config.key"
_HASH = re.compile(r"[0-9a-f]{16}")
_VARIABLE = re.compile(r"[^=\0]+")
_FILE_NAME = re.compile(r"[^./\0][^/\0]*")
_MISSING = object()

Changes = dict[str, Any]


class SnapshotDamaged(Exception):
    """A snapshot, or the key, is missing or not as written. Attributes: ``path``, ``reason``."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    @property
    def of_key(self) -> bool:
        """Whether it is the key that is damaged, and with it everything."""
        return os.path.basename(self.path) == _KEY_FILE


@dataclass(frozen=True)
class Configuration:
    """All that a release runs with: public settings (plain JSON), secret variables, secret files by name."""

    public: dict[str, Any]
    secrets_env: dict[str, str]
    secret_files: dict[str, str]

    @property
    def secrets(self) -> dict[str, str]:
        """Return variables and files in one mapping, as ``config_hash`` takes them."""
        return merge_secrets(self.secrets_env, self.secret_files)


def merge_secrets(secrets_env: dict[str, str], secret_files: dict[str, str]) -> dict[str, str]:
    """Return both in one mapping, so that a variable and a file of one name stay two."""
    return {
        **{f"env:{name}": value for name, value in secrets_env.items()},
        **{f"file:{name}": value for name, value in secret_files.items()},
    }


def config_hash(public: dict[str, Any], secrets: dict[str, str], key: bytes) -> str:
    """Return the identity of a configuration: 16 hex digits.

    Secrets enter it through an HMAC under the environment's key, so that a guessable secret cannot be found
    by trying values against the ledger. Raises ValueError if something is not plain JSON.
    """
    seal = hmac.new(key, ledger.canonical(secrets), hashlib.sha256).digest()
    return hashlib.sha256(ledger.canonical(public) + b"\n" + seal).hexdigest()[:16]


def load_key(directory: str) -> bytes | None:
    """Return the key of an environment's configuration hashes, None if it has none yet.

    Raises SnapshotDamaged if the file does not hold a key, or is gone while there are snapshots to prove with it.
    """
    path = os.path.join(directory, _KEY_FILE)
    try:
        with open(path, "rb") as file:
            key = file.read()
    except FileNotFoundError:
        if kept(directory):
            raise SnapshotDamaged(path, "the key is missing, and configurations are kept with it") from None
        return None
    if len(key) != KEY_BYTES:
        raise SnapshotDamaged(path, f"a key has {KEY_BYTES} bytes and this file has {len(key)}")
    return key


def load_or_create_key(directory: str) -> bytes:
    """Return the key of an environment's configuration hashes, made at random on first use.

    Raises SnapshotDamaged as :func:`load_key` does: a new one would make every known configuration look changed,
    so it is never replaced silently.
    """
    path = os.path.join(directory, _KEY_FILE)
    with ledger.exclusive(path):
        key = load_key(directory)
        if key is None:
            key = random_source.token_bytes(KEY_BYTES)
            ledger.write_durably(path, key)
    return key


def write(
    directory: str,
    config: str,
    public: dict[str, Any],
    secrets_env: dict[str, str],
    secret_files: dict[str, str],
    uid: int,
    gid: int,
) -> bool:
    """Keep a configuration under its hash ``config``; return whether anything had to be written.

    ``uid`` and ``gid`` are those of the container's user on the target. A snapshot that is there but not as
    it should be (content, owner, mode) is mended, file by file.

    Raises ValueError for names or values that cannot be kept, TimeoutError if another process is writing,
    OSError if the disk refuses. After any of these no incomplete snapshot is left.
    """
    target = _path(directory, config)
    configuration = Configuration(public, secrets_env, secret_files)
    index, files = _encode(configuration)
    configs = os.path.dirname(target)
    with ledger.exclusive(configs):
        _make_directory(configs, 0o711)
        ledger.sync_directory(directory)
        new = os.path.join(configs, ".new")
        _remove(configs, ".new")
        if _is_as_wanted(target, index, files, uid, gid):
            return False
        if os.path.isdir(target):
            # In place, because a running container may have its files mounted.
            _fill(target, index, files, uid, gid)
            return True
        try:
            _fill(new, index, files, uid, gid)
            os.rename(new, target)
        except OSError:
            _remove(configs, ".new")
            raise
        ledger.sync_directory(configs)
    return True


def read(directory: str, config: str, key: bytes | None) -> Configuration:
    """Return the configuration kept under the hash ``config``, proven with ``key`` to be the one of that hash.

    The hash is what the ledger and an approval tell, and the files are what a container is made from: nobody reads
    them without the proof.

    Raises SnapshotDamaged if it is not there, incomplete, holds more than it should, or is not what the hash stands
    for, or if there is no key.
    """
    target = _path(directory, config)
    path = os.path.join(target, "config.json")
    try:
        with open(path, "rb") as file:
            values = json.loads(file.read().decode("utf-8"))
        files = {}
        for name in values["secret_files"]:
            path = os.path.join(target, "files", _checked_file_name(name))
            with open(path, "rb") as file:
                files[name] = file.read().decode("utf-8")
        configuration = Configuration(dict(values["public"]), dict(values["secrets_env"]), files)
        path = os.path.join(target, "files")
        surplus = set(os.listdir(path)) - {*files, ".new"}
        found = config_hash(configuration.public, configuration.secrets, key or b"")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise SnapshotDamaged(path, "the file is missing") from None
    except (KeyError, TypeError, ValueError):
        raise SnapshotDamaged(path, "the file is not as it was written") from None
    if key is None:
        raise SnapshotDamaged(os.path.join(directory, _KEY_FILE), "the key is missing")
    if surplus:
        raise SnapshotDamaged(os.path.join(path, min(surplus)), "nobody has kept a file of this name")
    if found != config:
        raise SnapshotDamaged(target, "the content is not what its hash stands for")
    return configuration


def is_sound(directory: str, config: str) -> bool:
    """Whether the configuration of a hash is there and is what the hash stands for."""
    try:
        read(directory, config, load_key(directory))
    except SnapshotDamaged:
        return False
    return True


def files(directory: Path, config: str) -> Path:
    """The folder of a configuration's secret files."""
    return directory / "configs" / config / "files"


def kept(directory: str) -> frozenset[str]:
    """Return the hashes of the snapshots that are there, whether or not they are sound."""
    configs = os.path.join(directory, "configs")
    names = os.listdir(configs) if os.path.isdir(configs) else []
    return frozenset(name for name in names if _HASH.fullmatch(name))


def prune(directory: str, keep: Collection[str]) -> list[str]:
    """Remove the snapshots whose hash is not in ``keep``; return the removed hashes, sorted."""
    configs = os.path.join(directory, "configs")
    with ledger.exclusive(configs):
        if not os.path.isdir(configs):
            return []
        surplus = sorted(name for name in os.listdir(configs) if _HASH.fullmatch(name) and name not in keep)
        # What somebody who was killed has left holds secrets, too.
        for name in (".new", ".removing", *surplus):
            _remove(configs, name)
        ledger.sync_directory(configs)
    return surplus


def diff_keys(before: Configuration | None, after: Configuration) -> dict[str, Changes]:
    """Return ``{"before": …, "after": …}`` for --diff: only what differs, and no secret value.

    ``before`` is None if nothing ran yet. A secret shows as "(set)", and as "(changed)" after a change.
    """
    old = before or Configuration({}, {}, {})
    sides: dict[str, Changes] = {"before": {}, "after": {}}
    for name, (left, right) in {
        "public": _public_changes(old.public, after.public),
        "secrets_env": _secret_changes(old.secrets_env, after.secrets_env),
        "secret_files": _secret_changes(old.secret_files, after.secret_files),
    }.items():
        if left or right:
            sides["before"][name] = left
            sides["after"][name] = right
    return sides


def _public_changes(old: dict[str, Any], new: dict[str, Any]) -> tuple[Changes, Changes]:
    left: Changes = {}
    right: Changes = {}
    for name in sorted({*old, *new}):
        was, is_now = old.get(name, _MISSING), new.get(name, _MISSING)
        if isinstance(was, dict) and isinstance(is_now, dict):
            inner = _public_changes(was, is_now)
            if inner != ({}, {}):
                left[name], right[name] = inner
            continue
        if _MISSING not in (was, is_now) and ledger.canonical(was) == ledger.canonical(is_now):
            continue
        if was is not _MISSING:
            left[name] = was
        if is_now is not _MISSING:
            right[name] = is_now
    return left, right


def _secret_changes(old: dict[str, str], new: dict[str, str]) -> tuple[Changes, Changes]:
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    left: Changes = {name: "(set)" for name in changed if name in old}
    right: Changes = {name: "(changed)" if name in old else "(set)" for name in changed if name in new}
    return left, right


def _path(directory: str, config: str) -> str:
    if not _HASH.fullmatch(config):
        raise ValueError(f"{config!r} is not a configuration hash of 16 hex digits")
    return os.path.join(directory, "configs", config)


def _checked_file_name(name: object) -> str:
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise ValueError(f"the secret file name {name!r} is empty, starts with a dot, or has a slash or NUL")
    return name


def _encode(configuration: Configuration) -> tuple[bytes, dict[str, bytes]]:
    """Return the content of config.json and of each secret file, or raise ValueError."""
    for name, value in configuration.secrets_env.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"the secret variable name {name!r} is empty or holds an equals sign or NUL")
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"the secret variable {name} is not a text, or holds NUL")
    files = {}
    for name, value in configuration.secret_files.items():
        _checked_file_name(name)
        if not isinstance(value, str):
            raise ValueError(f"the secret file {name} is not a text")
        try:
            files[name] = value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError(f"the secret file {name} cannot be encoded as UTF-8") from None
    index = {
        "public": configuration.public,
        "secrets_env": configuration.secrets_env,
        "secret_files": sorted(files),
    }
    return ledger.canonical(index), files


def _remove(configs: str, name: str) -> None:
    """Remove a snapshot if it is there: out of sight first, so that nobody ever meets half of one."""
    path, removing = os.path.join(configs, name), os.path.join(configs, ".removing")
    if os.path.isdir(removing):
        shutil.rmtree(removing)
    if os.path.isdir(path):
        os.rename(path, removing)
        shutil.rmtree(removing)


def _fill(path: str, index: bytes, files: dict[str, bytes], uid: int, gid: int) -> None:
    """Make a directory hold exactly this snapshot; each file is replaced atomically and durably."""
    inner = os.path.join(path, "files")
    _make_directory(path, 0o711)
    _make_directory(inner, 0o700)
    ledger.write_durably(os.path.join(path, "config.json"), index)
    new = os.path.join(inner, ".new")
    for name, data in files.items():
        ledger.write_file(new, data)
        os.chown(new, uid, gid)
        os.replace(new, os.path.join(inner, name))
    for name in set(os.listdir(inner)) - set(files):
        os.unlink(os.path.join(inner, name))
    os.chown(inner, uid, gid)
    ledger.sync_directory(inner)


def _make_directory(path: str, mode: int) -> None:
    if not os.path.isdir(path):
        os.mkdir(path, 0o700)
    os.chmod(path, mode)


def _is_as_wanted(path: str, index: bytes, files: dict[str, bytes], uid: int, gid: int) -> bool:
    inner = os.path.join(path, "files")
    expected = {os.path.join(inner, name): data for name, data in files.items()}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if _status(path)[0] != 0o711 or _status(inner) != (0o700, uid, gid):
            return False
        if sorted(os.listdir(inner)) != sorted(files):
            return False
        if any(_status(file) != (0o600, uid, gid) for file in expected):
            return False
        return _holds(os.path.join(path, "config.json"), index) and all(
            _holds(file, data) for file, data in expected.items()
        )
    return False


def _status(path: str) -> tuple[int, int, int]:
    status = os.lstat(path)
    return status.st_mode & 0o7777, status.st_uid, status.st_gid


def _holds(path: str, data: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read() == data
