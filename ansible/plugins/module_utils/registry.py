"""A small client of one repository in an image registry, over python-dxf.

Answers what a release is (digest, labels) and moves tags by manifest, without moving layers. Every request
has a deadline. Protocol: https://github.com/opencontainers/distribution-spec
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import ssl
from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator, cast

from ansible_collections.slipway.core.plugins.module_utils.deadline import Expired
from ansible_collections.slipway.core.plugins.module_utils.registry_name import DOCKER_HUB, split_image
from ansible_collections.slipway.core.plugins.module_utils.version import Version, versions_in

try:
    import requests
    from ansible_collections.slipway.core.plugins.module_utils.registry_session import Session
    from dxf import DXF
    from dxf.exceptions import DXFError, DXFUnauthorizedError
except ImportError as error:
    _MISSING: ImportError | None = error
else:
    _MISSING = None

# Options of every module that talks to a registry, in the order that Registry() takes them.
REGISTRY_OPTIONS: dict[str, dict[str, Any]] = {
    "image": {"type": "str", "required": True},
    "username": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "ca_file": {"type": "path", "default": ""},
    "timeout": {"type": "float", "default": 10.0},
}

LABEL = "org.opencontainers.image."
_DOCKER_HUB_API = "registry-1.docker.io"
_NEWEST = 3
_MAX_CONFIG_BYTES = 4 * 1024 * 1024
_CONFIGURATIONS = (
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
)
# Where systems keep their certificate authorities; requests would use its own list, which Docker does not.
_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class RegistryError(Exception):
    """The registry could not answer; the message is one sentence: the cause and what to do."""


class RegistryDown(RegistryError):
    """Nothing answers at the registry's address, or what answers is broken."""


class RegistryTimeout(RegistryError):
    """The registry took longer than the deadline."""


class NotTrusted(RegistryError):
    """The registry's certificate is not signed by an authority that is trusted here."""


class LoginRefused(RegistryError):
    """The registry refuses this user, or refuses them this repository."""


class NotFound(RegistryError):
    """The repository has no such version or digest."""


@dataclass(frozen=True)
class Image:
    """What the registry says about one image.

    :param digest: digest of its manifest; for an image for several platforms that of its index.
    :param labels: labels of its configuration; for several platforms those of the first one.
    :param size: bytes of its layers, compressed as they are stored; None when the registry was not asked.
    """

    digest: str
    labels: dict[str, str] = field(default_factory=dict)
    size: int | None = None

    def label(self, name: str) -> str:
        """The OCI label ``name`` (version, revision, created, source); empty when there is none."""
        return self.labels.get(LABEL + name, "")

    @classmethod
    def labelled(cls, digest: str, **labels: str) -> Image:
        """An image with these OCI labels."""
        return cls(digest, {LABEL + name: text for name, text in labels.items() if text})


class Registry:
    """One repository in a registry.

    :param image: repository with the registry's host and without a tag.
    :param ca_file: certificate authority of the registry; empty for the system's.
    :param timeout: seconds that one answer may take, from connecting to its last byte.
    """

    def __init__(
        self, image: str, username: str = "", password: str = "", ca_file: str = "", timeout: float = 10.0
    ) -> None:
        if _MISSING:
            raise RegistryError(
                f"This Python lacks a library ({_MISSING}): run the step on the controller, with "
                "ansible_python_interpreter set to ansible_playbook_python."
            )
        self.image = image
        self._username, self._password = username, password
        self._host, repository = split_image(image)
        self._timeout = timeout
        self._dxf = DXF(
            _DOCKER_HUB_API if self._host == DOCKER_HUB else self._host,
            repository,
            auth=self._log_in,
            tlsverify=_authorities(ca_file),
            timeout=timeout,
        )
        # It takes no session, and would make one for each request, whose time limit holds for each part of an answer.
        self._dxf._sessions = [Session(timeout)]

    @classmethod
    def of(cls, params: dict[str, Any]) -> Registry:
        """The registry that a module's options with :data:`REGISTRY_OPTIONS` name."""
        return cls(*(params[name] for name in REGISTRY_OPTIONS))

    def _log_in(self, dxf: Any, response: Any) -> None:
        if "www-authenticate" not in response.headers:
            raise DXFUnauthorizedError()
        dxf.authenticate(self._username or None, self._password or None, response=response)

    def digest_of(self, reference: str) -> str:
        """The digest that a tag or digest names, as computed here; :class:`NotFound` when there is none."""
        return self._manifest(reference)[0]

    def tags(self) -> list[str]:
        """Every tag; none for a repository that nobody pushed to yet."""
        try:
            with self._errors(""):
                return list(self._dxf.list_aliases(iterate=True))
        except NotFound:
            return []

    def newest_version(self, series: str) -> Version | None:
        """The version of ``series`` with the greatest build number."""
        return next(iter(versions_in(self.tags(), series)), None)

    def describe(self, reference: str) -> Image:
        """Digest, labels and size of the image that a tag or digest names; :class:`NotFound` when there is none."""
        digest, manifest = self._manifest(reference)
        with self._errors(reference):
            document = json.loads(manifest)
            if "manifests" in document:
                child = next(filter(_is_for_a_machine, document["manifests"]), document["manifests"][0])
                document = json.loads(self._manifest(child["digest"])[1])
            size = sum(int(layer["size"]) for layer in document.get("layers") or [])
            return Image(digest, self._labels(document.get("config") or {}), size)

    def configuration_of(self, digest: str) -> str:
        """Digest of the configuration of the image ``digest``, which the registry cannot make up."""
        with self._errors(digest):
            document = json.loads(self._manifest(digest)[1])
            if "manifests" in document:
                child = next(filter(_is_for_a_machine, document["manifests"]), document["manifests"][0])
                document = json.loads(self._manifest(child["digest"])[1])
            return str((document.get("config") or {}).get("digest") or "")

    def has(self, digest: str) -> bool:
        """Whether the repository has the image ``digest``."""
        return self._digest_or_none(digest) is not None

    def add_tags(self, digest: str, tags: Iterable[str]) -> list[str]:
        """Let each of ``tags`` name the image ``digest``; returns those that did not. No layer is moved."""
        absent = self.differing(digest, tags)
        if absent:
            manifest = self._manifest(digest)[1]
            for tag in absent:
                with self._errors(tag, "write to"):
                    self._dxf.set_manifest(tag, manifest)
        return absent

    def differing(self, digest: str, tags: Iterable[str]) -> list[str]:
        """Those of ``tags`` that do not name the image ``digest``."""
        return [tag for tag in tags if self._digest_or_none(tag) != digest]

    def _digest_or_none(self, tag: str) -> str | None:
        try:
            return self.digest_of(tag)
        except NotFound:
            return None

    def _manifest(self, reference: str) -> tuple[str, str]:
        """Digest, as computed here, and text of a manifest or index."""
        with self._errors(reference):
            text, response = self._dxf.get_manifest_and_response(reference)
        digest = "sha256:" + hashlib.sha256(response.content).hexdigest()
        if reference.startswith("sha256:") and reference != digest:
            raise RegistryDown(
                f"{self._host} answers {digest} when asked for {reference}: its storage is damaged, ask who runs it."
            )
        return digest, text

    def _labels(self, config: dict[str, Any]) -> dict[str, str]:
        if config.get("mediaType") not in _CONFIGURATIONS or config["size"] > _MAX_CONFIG_BYTES:
            return {}
        content = cast("Iterable[bytes]", self._dxf.pull_blob(config["digest"]))
        document = json.loads(b"".join(content))
        return dict((document.get("config") or {}).get("Labels") or {})

    @contextlib.contextmanager
    def _errors(self, reference: str, action: str = "read") -> Iterator[None]:
        """Turns whatever a request ends with into a :class:`RegistryError`."""
        try:
            yield
        except DXFUnauthorizedError as error:
            raise self._refused(action) from error
        except requests.exceptions.HTTPError as error:
            raise self._status(error.response.status_code, reference, action) from error
        except requests.exceptions.SSLError as error:
            raise self._untrusted(str(error)) from error
        except (Expired, requests.exceptions.Timeout) as error:
            raise RegistryTimeout(
                f"The registry {self._host} did not answer in full within {self._timeout:g} s: check that it is up "
                "and reachable from here, and run the same command again."
            ) from error
        except requests.exceptions.ConnectionError as error:
            raise RegistryDown(
                f"The registry {self._host} cannot be reached ({_reason(error)}): check that it is up and "
                "that release_image is right, and run the same command again."
            ) from error
        except (DXFError, requests.exceptions.RequestException, ValueError, LookupError) as error:
            raise RegistryDown(
                f"{self._host} does not answer as a registry does ({error}): check release_image."
            ) from error

    def _refused(self, action: str) -> LoginRefused:
        if not self._username:
            return LoginRefused(
                f"The registry {self._host} wants a login to {action} {self.image}: set "
                "release_registry_username and release_registry_password."
            )
        return LoginRefused(
            f"The registry {self._host} refuses to let {self._username} {action} {self.image}: check "
            "release_registry_username and release_registry_password, and that the repository exists and is "
            "theirs."
        )

    def _status(self, status: int, reference: str, action: str) -> RegistryError:
        if status == 403:
            return self._refused(action)
        if status == 404:
            return self._not_found(reference)
        if status == 429:
            return RegistryDown(
                f"The registry {self._host} has had too many requests from here (HTTP 429): log in, or wait, "
                "and run the same command again."
            )
        return RegistryDown(
            f"The registry {self._host} is broken (HTTP {status}): look at its log, and run the same command again."
        )

    def _not_found(self, reference: str) -> NotFound:
        newest = versions_in(self.tags())[:_NEWEST] if reference else []
        if not newest:
            return NotFound(
                f"{self.image} has no {reference or 'tags'}, nor any release: make one with ansible-playbook build.yml."
            )
        return NotFound(
            f"{self.image} has no {reference}: its newest releases are {', '.join(map(str, newest))}; name "
            "one of them, or make one with ansible-playbook build.yml."
        )

    def _untrusted(self, reason: str) -> NotTrusted:
        if any(sign in reason for sign in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")):
            return NotTrusted(f"{self._host} does not speak TLS: give the registry a certificate.")
        if "CERTIFICATE_VERIFY_FAILED" in reason or "doesn't match" in reason:
            detail = reason.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0]
            return NotTrusted(
                f"The certificate of the registry {self._host} is not trusted ({detail.strip(' )')}): name "
                "its authority in release_registry_ca_file."
            )
        return NotTrusted(f"TLS with the registry {self._host} fails ({reason}): check its certificate.")


def _authorities(ca_file: str) -> str | bool:
    """The file of certificate authorities to trust: the one that was named or the system's."""
    if not ca_file:
        known = [os.environ.get("SSL_CERT_FILE", ""), *_AUTHORITIES]
        return next((path for path in known if path and os.path.isfile(path)), True)
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise NotTrusted(
            f"release_registry_ca_file is {ca_file}, which is no certificate that can be read "
            f"({error.strerror or error}): name the file with the registry's authority."
        ) from error
    return ca_file


def _is_for_a_machine(child: dict[str, Any]) -> bool:
    """Whether an entry of an index is an image: attestations are for no platform."""
    return (child.get("platform") or {}).get("os") != "unknown"


def _reason(error: BaseException) -> str:
    """The operating system's words for why a connection failed."""
    text = str(error)
    for sign in (
        "Connection refused",
        "No route to host",
        "Network is unreachable",
        "Connection reset by peer",
    ):
        if sign in text:
            return sign.lower()
    if "NameResolutionError" in text or "getaddrinfo" in text:
        return "its name is not known"
    return "the connection broke"
