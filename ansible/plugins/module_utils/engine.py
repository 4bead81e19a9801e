"""A small client of the Docker Engine API over its unix socket.

One module call of ours makes several Engine calls, and each of them needs a deadline. Protocol:
https://docs.docker.com/reference/api/engine/ (unversioned paths, so that the daemon answers with the newest version it
speaks).
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import struct
import time
from typing import Any
from urllib.parse import quote, urlencode

from ansible_collections.slipway.core.plugins.module_utils.registry_name import login_server

SOCKET = "/var/run/docker.sock"
ANSWER_SECONDS = 20


class EngineError(Exception):
    """The Engine refused a call (``status`` is its HTTP status) or could not be asked (``status`` is 0)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """Calls to one Docker Engine.

    :param path: the Engine's unix socket.
    :param timeout: seconds that any one call may take.
    """

    def __init__(self, path: str = SOCKET, timeout: float = ANSWER_SECONDS) -> None:
        self._path = path
        self._timeout = timeout

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        timeout: float | None = None,
        headers: dict[str, str] | None = None,
        deadline: float | None = None,
    ) -> bytes:
        connection = _UnixConnection(self._path, timeout or self._timeout)
        try:
            payload = None if body is None else json.dumps(body)
            sent = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body=payload, headers=sent)
            response = connection.getresponse()
            content = _read(response, deadline)
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"Docker Engine does not answer on {self._path}: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise EngineError(_reason(content), response.status)
        return content

    def _json(self, method: str, path: str, body: Any = None) -> Any:
        content = self._call(method, path, body)
        return json.loads(content) if content.strip() else None

    def version(self) -> dict[str, Any]:
        """The Engine's version: ``Version``, ``ApiVersion`` and more."""
        return dict(self._json("GET", "/version"))

    def info(self) -> dict[str, Any]:
        """The Engine's settings: ``DockerRootDir`` and more."""
        return dict(self._json("GET", "/info"))

    def containers(self, labels: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Every container that carries all these labels, running or not, as the Engine inspects it."""
        filters = {"label": [f"{name}={value}" for name, value in (labels or {}).items()]}
        query = urlencode({"all": "1", "filters": json.dumps(filters)})
        found = []
        for summary in self._json("GET", f"/containers/json?{query}"):
            details = self.container(summary["Id"])
            if details is not None:
                found.append(details)
        return found

    def summaries(self) -> list[dict[str, Any]]:
        """Every container, running or not, as the Engine lists it: ``Names``, ``Image``, ``Labels`` and more."""
        return list(self._json("GET", "/containers/json?all=1"))

    def container(self, name: str) -> dict[str, Any] | None:
        """One container as the Engine inspects it, or None when there is none of that name or id."""
        try:
            return dict(self._json("GET", f"/containers/{_path(name)}/json"))
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    def ended(self, name: str) -> str:
        """Why a container does not run, in a phrase; empty while it runs."""
        container = self.container(name)
        if container is None:
            return "its container is gone"
        state = container["State"]
        if state["Running"]:
            return ""
        memory = ", out of memory" if state.get("OOMKilled") else ""
        return f"its container exited with code {state['ExitCode']}{memory}"

    def published(self, name: str) -> str:
        """Where the first published port of a container is reached, as ``ip:port``.

        :raises EngineError: it publishes none, because it does not run.
        """
        container = self.container(name) or {}
        for bindings in ((container.get("NetworkSettings") or {}).get("Ports") or {}).values():
            if bindings:
                return f"{bindings[0]['HostIp']}:{bindings[0]['HostPort']}"
        raise EngineError(f"{name} publishes no port: it has stopped")

    def update_restart_policy(self, name: str, policy: str) -> None:
        """Change what Docker does when a container stops: no, on-failure, always or unless-stopped."""
        self._call("POST", f"/containers/{_path(name)}/update", {"RestartPolicy": {"Name": policy}})

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, such as SIGUSR1, to a container's first process."""
        self._call("POST", f"/containers/{_path(name)}/kill?signal={signal}")

    def network(self, name: str) -> dict[str, Any] | None:
        """One network as the Engine inspects it, or None when there is none of that name or id."""
        try:
            return dict(self._json("GET", f"/networks/{_path(name)}"))
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    def create_network(self, name: str, labels: dict[str, str], options: dict[str, str]) -> None:
        """Make a bridge; one of that name, made meanwhile, is an error of status 409."""
        body = {"Name": name, "CheckDuplicate": True, "Driver": "bridge", "Labels": labels, "Options": options}
        self._call("POST", "/networks/create", body)

    def create(self, name: str, body: dict[str, Any]) -> None:
        """Make a container; ``body`` as of :func:`container.body`."""
        self._call("POST", f"/containers/create?name={quote(name, safe='')}", body)

    def connect(self, network: str, name: str, endpoint: dict[str, Any]) -> None:
        """Connect a container to a network."""
        body = {"Container": name, "EndpointConfig": endpoint}
        self._call("POST", f"/networks/{_path(network)}/connect", body)

    def start(self, name: str) -> None:
        """Start a container; one that runs already is left alone."""
        self._call("POST", f"/containers/{_path(name)}/start")

    def unpause(self, name: str) -> None:
        """Let a container that was paused go on."""
        self._call("POST", f"/containers/{_path(name)}/unpause")

    def stop(self, name: str, grace: int) -> None:
        """Stop a container: its stop signal, then SIGKILL after ``grace`` seconds."""
        self._call("POST", f"/containers/{_path(name)}/stop?t={grace}", timeout=self._timeout + grace)

    def rename(self, name: str, to: str) -> None:
        """Give a container another name."""
        self._call("POST", f"/containers/{_path(name)}/rename?{urlencode({'name': to})}")

    def remove(self, name: str) -> None:
        """Remove a container with its anonymous volumes, killing it if it runs; a missing one is fine."""
        try:
            self._call("DELETE", f"/containers/{_path(name)}?force=1&v=1")
        except EngineError as error:
            if error.status != 404:
                raise

    def logs(self, name: str, lines: int) -> list[str]:
        """The last lines a container wrote to stdout and stderr."""
        raw = self._call("GET", f"/containers/{_path(name)}/logs?stdout=1&stderr=1&tail={lines}")
        return demultiplex(raw).decode("utf-8", "replace").splitlines()

    def images(self, repository: str) -> list[dict[str, Any]]:
        """The images here that were pulled from ``repository``, as the Engine lists them."""
        return [
            image
            for image in self._json("GET", "/images/json")
            if any(ref.startswith(repository + "@") for ref in image.get("RepoDigests") or [])
        ]

    def pull(self, image: str, login: dict[str, str], deadline: float) -> None:
        """Pull an image by its full name; the login, ``username`` and ``password``, goes along and is kept nowhere.

        :param deadline: seconds for the whole pull.
        """
        query = urlencode({"fromImage": image})
        headers = {}
        if login:
            server = {**login, "serveraddress": login_server(image)}
            headers["X-Registry-Auth"] = base64.urlsafe_b64encode(json.dumps(server).encode()).decode("ascii")
        progress = self._call("POST", f"/images/create?{query}", timeout=deadline, headers=headers, deadline=deadline)
        for line in progress.splitlines():
            step = json.loads(line)
            if "error" in step:
                raise EngineError(str(step["error"]), 500)

    def image(self, reference: str) -> dict[str, Any] | None:
        """One image as the Engine inspects it, or None when there is none of that name or id."""
        try:
            return dict(self._json("GET", f"/images/{quote(reference, safe='/:@')}/json"))
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    def has_image(self, reference: str) -> bool:
        """Whether an image of this name, ``repository:tag`` or ``repository@digest``, is here."""
        return self.image(reference) is not None

    def usage(self) -> dict[str, Any]:
        """What takes space: ``Images`` and ``BuildCache``, each a list."""
        return dict(self._json("GET", "/system/df?type=image&type=build-cache"))

    def tag(self, reference: str, repository: str, tag: str) -> bool:
        """Give an image one more name here. False when there is no such image."""
        query = urlencode({"repo": repository, "tag": tag})
        try:
            self._call("POST", f"/images/{quote(reference, safe='/:@')}/tag?{query}")
        except EngineError as error:
            if error.status == 404:
                return False
            raise
        return True

    def remove_image(self, reference: str) -> bool:
        """Remove one reference to an image. False when a container still uses it or it is gone."""
        try:
            self._call("DELETE", f"/images/{quote(reference, safe='/:@')}")
        except EngineError as error:
            if error.status in (404, 409):
                return False
            raise
        return True


def _read(response: http.client.HTTPResponse, deadline: float | None) -> bytes:
    """The whole answer. A time limit of the socket holds for each part of it, ``deadline`` for all of it."""
    if deadline is None:
        return response.read()
    ends = time.monotonic() + deadline
    parts: list[bytes] = []
    while True:
        part = response.read1(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)
        if time.monotonic() > ends:
            raise TimeoutError(f"not finished within {deadline:.0f} s")


def _path(name: str) -> str:
    """A container's name or id in a path; inspections give names with a slash before them."""
    return quote(name.lstrip("/"), safe="")


def demultiplex(raw: bytes) -> bytes:
    """The text of a log stream: frames of an 8-byte header (stream, 0, 0, 0, length) and their payload.

    A container with a TTY sends plain text instead, which is returned as it is.
    """
    text = bytearray()
    offset = 0
    while offset + 8 <= len(raw):
        stream, length = struct.unpack(">BxxxL", raw[offset : offset + 8])
        if stream > 2 or raw[offset + 1 : offset + 4] != b"\0\0\0":
            return raw
        text += raw[offset + 8 : offset + 8 + length]
        offset += 8 + length
    return bytes(text) if text or not raw else raw


def _reason(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode("utf-8", "replace").strip()[:300]
