"""The registry client against a registry that behaves, and against one that does not."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.core.plugins.module_utils import registry as registry_module
from ansible_collections.slipway.core.plugins.module_utils.registry import (
    LoginRefused,
    NotFound,
    NotTrusted,
    Registry,
    RegistryDown,
    RegistryError,
    RegistryTimeout,
)
from ansible_collections.slipway.core.plugins.module_utils.registry_name import login_server, split_image
from ansible_collections.slipway.core.plugins.module_utils.release import resolve
from ansible_collections.slipway.core.plugins.module_utils.version import VersionError
from dripping_server import BEGINNINGS, dripping, patience
from fake_registry import INDEX, MANIFEST, PASSWORD, USERNAME, FakeRegistry, make_certificate

COMMIT = "a" * 40
UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pair: tuple[Path, Path] = make_certificate(tmp_path_factory.mktemp("tls"))
    return pair


@pytest.fixture
def fake(certificate: tuple[Path, Path]) -> Iterator[FakeRegistry]:
    server = FakeRegistry(*certificate)
    yield server
    server.close()


def client(fake: FakeRegistry, password: str = PASSWORD, timeout: float = 5) -> Registry:
    return Registry(fake.image, USERNAME, password, fake.ca_file, timeout)


# What a registry says


@pytest.mark.parametrize("tokens", [False, True], ids=["basic", "token"])
def test_an_image_is_described_by_digest_and_labels(fake: FakeRegistry, tokens: bool) -> None:
    fake.tokens = tokens
    digest = fake.add_image("1.0.42", version="1.0.42", revision=COMMIT)

    image = client(fake).describe("1.0.42")

    assert (image.digest, image.label("version"), image.label("revision")) == (digest, "1.0.42", COMMIT)
    assert image.label("created") == ""
    assert client(fake).digest_of("1.0.42") == digest


def test_an_index_is_known_by_its_own_digest_and_described_by_its_first_platform(fake: FakeRegistry) -> None:
    attestation = fake.add_image(version="not this")
    amd64 = fake.add_image(version="1.0.42")
    children = [
        {"digest": attestation, "platform": {"os": "unknown", "architecture": "unknown"}},
        {"digest": amd64, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
    index = fake.add_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}, "1.0.42")

    image = client(fake).describe("1.0.42")

    assert (image.digest, image.label("version")) == (index, "1.0.42")
    assert client(fake).add_tags(index, ["latest"]) == ["latest"]
    assert fake.tags["latest"] == index


def test_tags_are_read_page_by_page(fake: FakeRegistry) -> None:
    names = ["1.0.9", "1.0.10", "2.0.1", "build-9", "latest"]
    fake.add_image(*names)

    assert sorted(client(fake).tags()) == sorted(names)
    assert str(client(fake).newest_version("1.0")) == "1.0.10"


def test_a_repository_that_nobody_pushed_to_has_no_tags(fake: FakeRegistry) -> None:
    assert client(fake).tags() == []
    assert client(fake).newest_version("1.0") is None


def test_tags_are_added_by_manifest_and_only_where_they_differ(fake: FakeRegistry) -> None:
    digest = fake.add_image("1.0.42", "build-42")
    fake.add_image("latest", version="1.0.41")

    assert client(fake).add_tags(digest, ["build-42", "latest"]) == ["latest"]

    assert fake.tags["latest"] == digest
    writes = [request for request in fake.requests if request[0] not in ("GET", "HEAD")]
    assert writes == [("PUT", "/v2/team/myapp/manifests/latest")]
    assert client(fake).add_tags(digest, ["build-42", "latest"]) == []


def test_content_that_is_not_what_its_digest_says_is_refused(fake: FakeRegistry) -> None:
    digest = fake.add_image("1.0.42")
    fake.manifests[digest] = (fake.manifests[digest][0], b"{}")

    with pytest.raises(RegistryDown, match="its storage is damaged"):
        client(fake).describe(digest)


@pytest.mark.parametrize(
    ("image", "parts", "server"),
    [
        (
            "registry.example.com:5000/team/myapp",
            ("registry.example.com:5000", "team/myapp"),
            "registry.example.com:5000",
        ),
        ("localhost/myapp", ("localhost", "myapp"), "localhost"),
        ("team/myapp", ("docker.io", "team/myapp"), "https://index.docker.io/v1/"),
        ("docker.io/team/myapp", ("docker.io", "team/myapp"), "https://index.docker.io/v1/"),
        ("index.docker.io/team/myapp", ("docker.io", "team/myapp"), "https://index.docker.io/v1/"),
        ("registry-1.docker.io/team/myapp", ("docker.io", "team/myapp"), "https://index.docker.io/v1/"),
        ("haproxy", ("docker.io", "library/haproxy"), "https://index.docker.io/v1/"),
        ("haproxy:3.2@sha256:1", ("docker.io", "library/haproxy:3.2@sha256:1"), "https://index.docker.io/v1/"),
        ("docker.io/haproxy:3.2", ("docker.io", "library/haproxy:3.2"), "https://index.docker.io/v1/"),
        ("localhost:5000/a/b/c", ("localhost:5000", "a/b/c"), "localhost:5000"),
        ("[::1]:5000/team/myapp@sha256:1", ("[::1]:5000", "team/myapp@sha256:1"), "[::1]:5000"),
        ("Registry/myapp", ("Registry", "myapp"), "Registry"),
    ],
)
def test_an_image_name_says_where_it_is_kept(image: str, parts: tuple[str, str], server: str) -> None:
    assert split_image(image) == parts
    assert login_server(image) == server


# What goes wrong


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, LoginRefused, "refuses to let robot read"),
        (403, LoginRefused, "refuses to let robot read"),
        (429, RegistryDown, "too many requests"),
        (500, RegistryDown, "is broken (HTTP 500)"),
        (503, RegistryDown, "is broken (HTTP 503)"),
    ],
)
def test_a_status_becomes_one_sentence(fake: FakeRegistry, status: int, kind: type[RegistryError], words: str) -> None:
    fake.status = status
    with pytest.raises(kind) as caught:
        client(fake).tags()
    assert words in str(caught.value)
    assert_one_sentence(caught.value)


@pytest.mark.parametrize("tokens", [False, True], ids=["basic", "token"])
def test_a_wrong_password_is_refused_and_never_repeated(fake: FakeRegistry, tokens: bool) -> None:
    fake.tokens = tokens
    with pytest.raises(LoginRefused, match="check release_registry_username") as caught:
        client(fake, password="wrong-one").tags()
    assert "wrong-one" not in str(caught.value)
    assert_one_sentence(caught.value)


def test_a_registry_that_wants_a_login_says_what_to_set(fake: FakeRegistry) -> None:
    with pytest.raises(LoginRefused, match="set release_registry_username"):
        Registry(fake.image, ca_file=fake.ca_file).tags()


def test_a_registry_that_hangs_is_given_up_at_the_deadline(fake: FakeRegistry) -> None:
    fake.hangs = True
    with pytest.raises(RegistryTimeout, match=r"did not answer in full within 0\.2 s") as caught:
        client(fake, timeout=0.2).tags()
    assert_one_sentence(caught.value)


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_an_answer_that_drips_in_is_given_up_at_the_deadline(certificate: tuple[Path, Path], beginning: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
    with dripping(server, beginning), given_up():
        Registry(f"127.0.0.1:{server.getsockname()[1]}/myapp", ca_file=str(certificate[0]), timeout=0.5).tags()


def test_a_configuration_that_drips_in_is_given_up_at_the_deadline(fake: FakeRegistry) -> None:
    """It is what python-dxf reads as a stream."""
    fake.add_image("1.0.42", version="1.0.42")
    fake.drips = "/blobs/"
    with patience(), given_up():
        client(fake, timeout=0.5).describe("1.0.42")


@contextlib.contextmanager
def given_up() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(RegistryTimeout, match=r"did not answer in full within 0\.5 s") as caught:
        yield
    assert time.monotonic() - began < 2
    assert_one_sentence(caught.value)


def test_a_certificate_from_an_unknown_authority_is_not_trusted(fake: FakeRegistry) -> None:
    with pytest.raises(NotTrusted, match="name its authority in release_registry_ca_file") as caught:
        Registry(fake.image, USERNAME, PASSWORD).tags()
    assert_one_sentence(caught.value)


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "rubbish"])
def test_a_ca_file_has_to_be_one(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.crt"
    if content:
        path.write_text(content)
    with pytest.raises(NotTrusted, match="no certificate that can be read"):
        Registry("127.0.0.1:1/myapp", ca_file=str(path))


def test_a_registry_that_is_down_cannot_be_reached(certificate: tuple[Path, Path]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        image = f"127.0.0.1:{unused.getsockname()[1]}/myapp"
        with pytest.raises(RegistryDown, match="connection refused") as caught:
            Registry(image, ca_file=str(certificate[0])).tags()
    assert_one_sentence(caught.value)


def test_something_that_is_no_registry_is_told_apart(fake: FakeRegistry) -> None:
    fake.add_image("1.0.42")
    fake.manifests[fake.tags["1.0.42"]] = ("text/html", b"<html>")
    with pytest.raises(RegistryDown, match="does not answer as a registry does"):
        client(fake).describe("1.0.42")


def test_a_python_without_the_library_says_where_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_MISSING", ImportError("No module named 'dxf'"))
    with pytest.raises(RegistryError, match="run the step on the controller"):
        Registry("registry.example.com/myapp")


# Which release is meant


def test_the_newest_of_the_series_is_the_default(fake: FakeRegistry) -> None:
    fake.add_image("1.0.9", version="1.0.9")
    digest = fake.add_image("1.0.10", version="1.0.10", revision=COMMIT, created="2026-01-02T03:04:05Z")
    fake.add_image("2.0.1", version="2.0.1")

    assert resolve(client(fake), "1.0", "", "") == {
        "version": "1.0.10",
        "build": 10,
        "commit": COMMIT,
        "digest": digest,
        "image": fake.image,
        "tags": ["1.0.10"],
        "created": "2026-01-02T03:04:05Z",
        "source": "",
        "size": 0,
    }


def test_the_size_of_an_image_is_that_of_its_layers(fake: FakeRegistry) -> None:
    layers = [{"mediaType": "layer", "size": size, "digest": f"sha256:{size:064}"} for size in (1000, 234)]
    single = {"schemaVersion": 2, "mediaType": MANIFEST, "config": fake.add_blob(b"{}"), "layers": layers}
    digest = fake.add_manifest(single)
    child = {"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": {"os": "linux"}}
    index = fake.add_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]})

    assert [client(fake).describe(reference).size for reference in (digest, index)] == [1234, 1234]


def test_a_digest_is_what_it_is_wherever_the_tag_points_by_now(fake: FakeRegistry) -> None:
    verified = fake.add_image("1.0.42", version="1.0.42", revision=COMMIT)
    fake.add_image("1.0.42", version="1.0.42", revision="b" * 40)

    found = resolve(client(fake), "1.0", "1.0.42", verified)

    assert (found["digest"], found["commit"], found["version"]) == (verified, COMMIT, "1.0.42")


def test_a_tag_whose_image_says_another_version_is_refused(fake: FakeRegistry) -> None:
    fake.add_image("1.0.42", version="1.0.41")
    with pytest.raises(RegistryError, match=r"is no 1\.0\.42, since its label says version 1\.0\.41") as caught:
        resolve(client(fake), "1.0", "1.0.42", "")
    assert_one_sentence(caught.value)


@pytest.mark.parametrize("label", ["", "24.04", "10.2.3"])
def test_an_image_that_is_not_ours_needs_no_label_of_ours(fake: FakeRegistry, label: str) -> None:
    labels = {"version": label} if label else {}
    fake.add_image("1.0.42", **labels)
    found = resolve(client(fake), "1.0", "1.0.42", "")
    assert (found["version"], found["build"], found["commit"]) == ("1.0.42", 42, "")


def test_a_digest_without_labels_has_no_version(fake: FakeRegistry) -> None:
    found = resolve(client(fake), "1.0", "", fake.add_image("nightly"))
    assert (found["version"], found["build"], found["tags"]) == ("", None, [])


@pytest.mark.parametrize(("version", "digest"), [("1.0.99", ""), ("", UNKNOWN)], ids=["version", "digest"])
def test_what_is_not_there_is_answered_with_the_newest_there_are(fake: FakeRegistry, version: str, digest: str) -> None:
    fake.add_image("1.0.7", "1.0.8", "1.0.9", "1.0.10", "latest")
    with pytest.raises(NotFound, match=r"1\.0\.10, 1\.0\.9, 1\.0\.8; name one of them") as caught:
        resolve(client(fake), "1.0", version, digest)
    assert_one_sentence(caught.value)


def test_an_empty_repository_says_how_to_fill_it(fake: FakeRegistry) -> None:
    for version in ("", "1.0.42"):
        with pytest.raises(NotFound, match=r"make one with ansible-playbook build\.yml"):
            resolve(client(fake), "1.0", version, "")


def test_a_series_without_releases_names_those_of_others(fake: FakeRegistry) -> None:
    fake.add_image("1.0.42")
    with pytest.raises(NotFound, match=r"no release of series 2\.0; it has 1\.0\.42"):
        resolve(client(fake), "2.0", "", "")


def test_a_malformed_version_is_refused_before_the_registry_is_asked(fake: FakeRegistry) -> None:
    with pytest.raises(VersionError):
        resolve(client(fake), "1.0", "latest", "")
    assert fake.requests == []


def assert_one_sentence(error: Exception) -> None:
    text = str(error)
    assert text.endswith(".")
    assert "\n" not in text
    assert json.dumps("Traceback") not in text
    assert ". " not in text
