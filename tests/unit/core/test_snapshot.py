"""Configuration snapshots: exact, private, complete or not there; diffs and hashes that tell no secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.core.plugins.module_utils import snapshot
from ansible_collections.slipway.core.plugins.module_utils.snapshot import Configuration, SnapshotDamaged
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = bytes(range(32))
UID, GID = os.getuid(), os.getgid()
AWKWARD = "a'b\"c $HOME ${X} {{ lookup('env') }} {% raw %}\r\n\ttab \\n \u00e9\u2028\U0001f600 # ! % \x7f \n"
EXAMPLE = Configuration(
    {"port": 8000, "env": {"APP": AWKWARD}, "on": True},
    {"TOKEN": AWKWARD},
    {"tls.key": AWKWARD, "empty": ""},
)
HASH = snapshot.config_hash(EXAMPLE.public, EXAMPLE.secrets, KEY)

texts = st.text(st.characters(exclude_categories=["Cs"]))
variables = st.dictionaries(
    texts.filter(lambda name: name != "" and not {"=", "\0"} & set(name)),
    texts.filter(lambda value: "\0" not in value),
    max_size=3,
)
file_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=40)
files = st.dictionaries(file_names.filter(lambda name: not name.startswith(".")), texts, max_size=3)
settings_values = st.none() | st.booleans() | st.integers() | texts | st.lists(texts, max_size=2)
public_settings = st.dictionaries(
    texts, settings_values | st.dictionaries(texts, settings_values, max_size=3), max_size=4
)
configurations = st.builds(Configuration, public_settings, variables, files)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[str]:
    mask = os.umask(0)
    yield str(tmp_path)
    os.umask(mask)


def write(directory: str, configuration: Configuration, config: str = HASH) -> bool:
    return snapshot.write(
        directory,
        config,
        configuration.public,
        configuration.secrets_env,
        configuration.secret_files,
        UID,
        GID,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(*path: str) -> list[str]:
    return sorted(each.name for each in Path(*path).iterdir())


def test_it_is_kept_where_and_how_the_layout_says(directory: str) -> None:
    assert write(directory, EXAMPLE)
    assert names(directory, "configs") == [HASH]
    assert names(directory, "configs", HASH) == ["config.json", "files"]
    assert names(directory, "configs", HASH, "files") == ["empty", "tls.key"]
    at = Path(directory, "configs", HASH)
    assert (at / "files/tls.key").read_bytes() == AWKWARD.encode()
    assert [mode(at.parent), mode(at), mode(at / "files")] == [0o711, 0o711, 0o700]
    assert [mode(at / "config.json"), mode(at / "files/tls.key")] == [0o600, 0o600]


def test_awkward_values_come_back_exactly(directory: str) -> None:
    write(directory, EXAMPLE)
    assert snapshot.read(directory, HASH, KEY) == EXAMPLE


@settings(max_examples=60, deadline=None)
@given(configurations)
def test_everything_comes_back_exactly(configuration: Configuration) -> None:
    with tempfile.TemporaryDirectory() as directory:
        key = snapshot.load_or_create_key(directory)
        config = snapshot.config_hash(configuration.public, configuration.secrets, key)
        assert write(directory, configuration, config)
        assert snapshot.read(directory, config, key) == configuration
        assert not write(directory, configuration, config)


def test_writing_it_again_changes_nothing(directory: str) -> None:
    write(directory, EXAMPLE)
    at = Path(directory, "configs", HASH, "files")
    before = at.stat()
    assert not write(directory, EXAMPLE)
    assert at.stat() == before


def test_files_belong_to_the_containers_user(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given_to: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: given_to.update({path: (uid, gid)}))
    snapshot.write(directory, HASH, {}, {}, {"tls.key": "x"}, 10001, 10002)
    inner = f"{directory}/configs/.new/files"
    assert given_to == {f"{inner}/.new": (10001, 10002), inner: (10001, 10002)}
    assert snapshot.write(directory, HASH, {}, {}, {"tls.key": "x"}, 10001, 10002), "the owner is not yet right"


@pytest.mark.parametrize("spoil", ["content", "index", "missing", "surplus", "mode", "directory mode", "no files"])
def test_a_spoilt_snapshot_is_mended_in_place(directory: str, spoil: str) -> None:
    write(directory, EXAMPLE)
    at = Path(directory, "configs", HASH)
    inner = at / "files"
    inode = inner.stat().st_ino
    if spoil == "content":
        (inner / "tls.key").write_text("other")
    elif spoil == "index":
        (at / "config.json").write_text("{}")
    elif spoil == "missing":
        (inner / "tls.key").unlink()
    elif spoil == "surplus":
        (inner / "more").write_text("")
    elif spoil == "mode":
        (inner / "tls.key").chmod(0o644)
    elif spoil == "directory mode":
        inner.chmod(0o755)
    else:
        (inner / "tls.key").unlink()
        (inner / "empty").unlink()
        inner.rmdir()
    assert write(directory, EXAMPLE)
    assert snapshot.read(directory, HASH, KEY) == EXAMPLE
    assert [mode(inner), mode(inner / "tls.key")] == [0o700, 0o600]
    assert not write(directory, EXAMPLE)
    assert spoil == "no files" or inner.stat().st_ino == inode, "a mounted directory must stay the same one"


@pytest.mark.parametrize("step", ["fsync", "chown", "rename"])
def test_a_failing_disk_leaves_no_half_snapshot(directory: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(directory, EXAMPLE)
    real, calls, failing = getattr(os, step), [], {"rename": 1}.get(step, 3)

    def fail_once(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == failing:
            raise OSError("No space left on device")
        return real(*arguments)

    monkeypatch.setattr(os, step, fail_once)
    with pytest.raises(OSError, match="No space left"):
        write(directory, EXAMPLE, "f" * 16)
    monkeypatch.undo()
    assert names(directory, "configs") == [HASH]
    assert snapshot.read(directory, HASH, KEY) == EXAMPLE
    assert write(directory, EXAMPLE, "f" * 16)
    assert names(directory, "configs") == [HASH, "f" * 16]


@pytest.mark.parametrize("call", range(1, 12))
def test_a_writer_that_dies_leaves_all_or_nothing(directory: str, call: int) -> None:
    def die_at_call() -> None:
        real, calls = os.fsync, []

        def fsync(descriptor: Any) -> None:
            calls.append(descriptor)
            if len(calls) == call:
                os._exit(9)
            real(descriptor)

        pytest.MonkeyPatch().setattr(os, "fsync", fsync)
        write(directory, EXAMPLE)

    child = multiprocessing.get_context("fork").Process(target=die_at_call)
    write(directory, EXAMPLE, "f" * 16)
    child.start()
    child.join(20)
    if Path(directory, "configs", HASH).exists():
        assert snapshot.read(directory, HASH, KEY) == EXAMPLE
    assert not write(directory, EXAMPLE, "f" * 16)
    assert names(directory, "configs") in (["f" * 16], [HASH, "f" * 16]), "secrets of a dead writer must go"
    write(directory, EXAMPLE)
    assert snapshot.read(directory, HASH, KEY) == EXAMPLE


def test_pruning_takes_what_a_dead_writer_has_left(directory: str) -> None:
    write(directory, EXAMPLE)
    for name in (".new", ".removing"):
        Path(directory, "configs", name, "files").mkdir(parents=True)
        Path(directory, "configs", name, "files", "password").write_text("hunter2")
    assert snapshot.prune(directory, {HASH}) == []
    assert names(directory, "configs") == [HASH]


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/etc/passwd", "../x", "nul\0", 7])
def test_secret_file_names_stay_in_their_directory(directory: str, name: Any) -> None:
    with pytest.raises(ValueError, match="the secret file name"):
        snapshot.write(directory, HASH, {}, {}, {name: "x"}, UID, GID)
    assert names(directory) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"secrets_env": {"": "x"}}, "the secret variable name ''"),
        ({"secrets_env": {"A=B": "x"}}, "the secret variable name 'A=B'"),
        ({"secrets_env": {"A": "x\0"}}, "the secret variable A is not a text"),
        ({"secrets_env": {"A": 7}}, "the secret variable A is not a text"),
        ({"secrets_env": {"A": "\ud800"}}, "UTF-8 cannot encode"),
        ({"secret_files": {"f": 7}}, "the secret file f is not a text"),
        ({"secret_files": {"f": "\ud800"}}, "the secret file f cannot be encoded"),
        ({"public": {"port": {80}}}, "set is not a JSON type"),
        ({"public": {80: "port"}}, "the key 80 is not a string"),
    ],
)
def test_what_cannot_be_kept_is_refused(directory: str, arguments: dict[str, Any], message: str) -> None:
    nothing: dict[str, Any] = {"public": {}, "secrets_env": {}, "secret_files": {}}
    with pytest.raises(ValueError, match=message):
        snapshot.write(directory, HASH, **{**nothing, **arguments}, uid=UID, gid=GID)
    assert names(directory) == []


@pytest.mark.parametrize("config", ["", "..", "0123456789abcde", "0123456789ABCDEF", HASH + "\n", HASH + "/x"])
def test_only_hashes_name_a_snapshot(directory: str, config: str) -> None:
    with pytest.raises(ValueError, match="is not a configuration hash"):
        write(directory, EXAMPLE, config)
    with pytest.raises(ValueError, match="is not a configuration hash"):
        snapshot.read(directory, config, KEY)


def test_a_missing_snapshot_is_named(directory: str) -> None:
    with pytest.raises(SnapshotDamaged, match=f"configs/{HASH}/config.json: the file is missing"):
        snapshot.read(directory, HASH, KEY)


def test_a_missing_secret_file_is_named(directory: str) -> None:
    write(directory, EXAMPLE)
    Path(directory, "configs", HASH, "files", "empty").unlink()
    with pytest.raises(SnapshotDamaged, match="files/empty: the file is missing"):
        snapshot.read(directory, HASH, KEY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b'{"public":1,"secrets_env":{},"secret_files":[]}',
        b'{"public":{},"secrets_env":{},"secret_files":["../config.json"]}',
    ],
)
def test_a_damaged_index_is_named(directory: str, content: bytes) -> None:
    write(directory, EXAMPLE)
    Path(directory, "configs", HASH, "config.json").write_bytes(content)
    with pytest.raises(SnapshotDamaged, match="the file is not as it was written"):
        snapshot.read(directory, HASH, KEY)


def test_the_hash_is_what_its_definition_says() -> None:
    seal = hmac.new(KEY, b'{"env:A":"\xc3\xa9","file:b":""}', hashlib.sha256).digest()
    expected = hashlib.sha256(b'{"a":[1,true,null],"port":80}\n' + seal).hexdigest()[:16]
    secrets = snapshot.merge_secrets({"A": "é"}, {"b": ""})
    assert snapshot.config_hash({"port": 80, "a": [1, True, None]}, secrets, KEY) == expected


@given(configurations, configurations)
def test_configurations_have_one_hash_if_and_only_if_they_are_the_same(a: Configuration, b: Configuration) -> None:
    def identity(configuration: Configuration) -> str:
        return snapshot.config_hash(configuration.public, configuration.secrets, KEY)

    def text(configuration: Configuration) -> str:
        return json.dumps(vars(configuration), sort_keys=True)

    assert (identity(a) == identity(b)) == (text(a) == text(b))


def test_a_variable_and_a_file_of_one_name_are_two_secrets() -> None:
    left, right = snapshot.merge_secrets({"A": "x"}, {}), snapshot.merge_secrets({}, {"A": "x"})
    assert snapshot.config_hash({}, left, KEY) != snapshot.config_hash({}, right, KEY)


def test_without_the_key_a_secret_cannot_be_guessed() -> None:
    assert snapshot.config_hash({}, {"env:PIN": "1234"}, KEY) != snapshot.config_hash({}, {"env:PIN": "1234"}, b"")


def test_the_key_is_made_once_and_is_private(directory: str) -> None:
    assert snapshot.load_key(directory) is None
    key = snapshot.load_or_create_key(directory)
    assert len(key) == 32
    assert mode(Path(directory, "config.key")) == 0o600
    assert snapshot.load_or_create_key(directory) == snapshot.load_key(directory) == key
    Path(directory, "config.key").unlink()
    assert snapshot.load_or_create_key(directory) != key


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_reported_and_not_replaced(directory: str, content: bytes) -> None:
    Path(directory, "config.key").write_bytes(content)
    with pytest.raises(SnapshotDamaged, match=f"a key has 32 bytes and this file has {len(content)}"):
        snapshot.load_or_create_key(directory)
    assert Path(directory, "config.key").read_bytes() == content


def test_pruning_removes_what_is_not_kept_and_nothing_else(directory: str) -> None:
    assert snapshot.prune(directory, []) == []
    for config in ("a" * 16, HASH, "c" * 16):
        write(directory, EXAMPLE, config)
    Path(directory, "configs", "notes.txt").write_text("not ours")
    assert snapshot.prune(directory, {HASH}) == ["a" * 16, "c" * 16]
    assert names(directory, "configs") == [HASH, "notes.txt"]
    assert snapshot.prune(directory, {HASH}) == []
    assert snapshot.read(directory, HASH, KEY) == EXAMPLE


def test_a_difference_shows_keys_and_public_values_only() -> None:
    before = Configuration(
        {"port": 80, "env": {"A": "1", "SAME": "s"}, "old": [1]},
        {"KEPT": "k", "CHANGED": "before", "GONE": "g"},
        {"f": "before"},
    )
    after = Configuration(
        {"port": "80", "env": {"A": "2", "SAME": "s"}, "new": None},
        {"KEPT": "k", "CHANGED": "after", "NEW": "n"},
        {"f": "after"},
    )
    assert snapshot.diff_keys(before, after) == {
        "before": {
            "public": {"port": 80, "env": {"A": "1"}, "old": [1]},
            "secrets_env": {"CHANGED": "(set)", "GONE": "(set)"},
            "secret_files": {"f": "(set)"},
        },
        "after": {
            "public": {"port": "80", "env": {"A": "2"}, "new": None},
            "secrets_env": {"CHANGED": "(changed)", "NEW": "(set)"},
            "secret_files": {"f": "(changed)"},
        },
    }


def test_before_the_first_deployment_everything_is_new() -> None:
    changes = snapshot.diff_keys(None, Configuration({"port": 80}, {"A": "x"}, {}))
    assert changes == {
        "before": {"public": {}, "secrets_env": {}},
        "after": {"public": {"port": 80}, "secrets_env": {"A": "(set)"}},
    }


def test_true_and_one_differ() -> None:
    changes = snapshot.diff_keys(Configuration({"on": 1}, {}, {}), Configuration({"on": True}, {}, {}))
    assert changes == {"before": {"public": {"on": 1}}, "after": {"public": {"on": True}}}


@given(configurations, configurations)
def test_a_difference_is_empty_if_and_only_if_nothing_differs(a: Configuration, b: Configuration) -> None:
    same = json.dumps(vars(a), sort_keys=True) == json.dumps(vars(b), sort_keys=True)
    assert (snapshot.diff_keys(a, b) == {"before": {}, "after": {}}) == same
    assert snapshot.diff_keys(b, b) == {"before": {}, "after": {}}


@given(st.dictionaries(st.sampled_from("AB"), st.text("xyz", min_size=9), min_size=1), st.booleans())
def test_a_difference_never_holds_a_secret(secrets: dict[str, str], was_there: bool) -> None:
    other = {name: value + "x" for name, value in secrets.items()} if was_there else {}
    for before, after in [(other, secrets), (secrets, other)]:
        text = json.dumps(snapshot.diff_keys(Configuration({}, before, before), Configuration({}, after, after)))
        assert not any(value in text for value in [*secrets.values(), *other.values()])
