"""The clone that is built from, and the annotated git tag that says what came of it.

A tag's message holds one ``key: value`` a line: :meth:`Note.parse` reads what :meth:`Note.message` wrote.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import asdict, dataclass, fields
from urllib.parse import urlsplit

_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://|[^/\s]+@[^/\s:]+:)")


class GitError(Exception):
    """git could not do what was asked; the message is one sentence: the cause and what to do."""


@dataclass(frozen=True)
class Note:
    """What a release's git tag says."""

    version: str
    digest: str
    image: str
    commit: str

    def message(self) -> str:
        """The tag's message."""
        lines = [f"{key}: {value}" for key, value in asdict(self).items()]
        return "\n".join([f"Release {self.version}", "", *lines, ""])

    @classmethod
    def parse(cls, message: str) -> Note:
        """The note in a tag's message; what the message does not say is empty."""
        said = dict(line.split(": ", 1) for line in message.splitlines() if ": " in line)
        return cls(**{field.name: said.get(field.name, "").strip() for field in fields(cls)})


class Clone:
    """The git checkout that holds a folder.

    :param folder: any folder of it.
    :param timeout: seconds that one git command may take.
    :raises GitError: it is no checkout, or has no commit.
    """

    def __init__(self, folder: str, timeout: float = 60.0) -> None:
        self._folder = folder
        self._timeout = timeout
        code, output = self._try("rev-parse", "--verify", "-q", "HEAD^{commit}")
        if code:
            raise GitError(
                f"{folder} is no git checkout with a commit ({output or 'nothing is committed yet'}): "
                "a release names the commit it is built from, so build from a clone."
            )
        self.head = output

    def is_dirty(self, folder: str) -> bool:
        """Whether files below ``folder`` differ from the commit; untracked ones do, ignored ones do not."""
        return bool(self._git("status", "--porcelain", "--", folder))

    def source(self) -> str:
        """Where people find the source: the URL of ``origin`` without login; empty when it is no URL."""
        code, url = self._try("remote", "get-url", "origin")
        if code or not _URL.match(url):
            return ""
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.netloc else url

    def remote(self, wanted: str) -> str:
        """The remote to push to: ``wanted``, or none for ``origin`` where there is no such remote."""
        return "" if wanted == "origin" and wanted not in self._git("remote").split() else wanted

    def local_tags(self) -> dict[str, str]:
        """Every tag here, with the id of its object."""
        return _listed(self._git("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags"))

    def remote_tags(self, remote: str) -> dict[str, str]:
        """Every tag of a remote, with the id of its object; none when ``remote`` is empty."""
        if not remote:
            return {}
        return _listed(self._reach(remote, "ls-remote", "--tags", "--refs", "--end-of-options", remote))

    def fetch(self, remote: str, tag: str) -> None:
        """Bring the object of a remote's tag here, without writing a ref."""
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options"]
        self._reach(remote, "fetch", *options, remote, f"refs/tags/{tag}")

    def note(self, object_id: str) -> Note:
        """What the tag with this object says."""
        return Note.parse(self._git("cat-file", "-p", object_id))

    def create(self, note: Note, actor: str) -> None:
        """Tag the note's commit with the note, in the name of ``actor``."""
        commit = note.commit.partition("-")[0]
        identity = {"GIT_COMMITTER_NAME": actor, "GIT_COMMITTER_EMAIL": self._email(actor)}
        self._git("tag", "--annotate", "--message", note.message(), note.version, commit, **identity)

    def push(self, remote: str, tag: str) -> None:
        """Push one tag, which the remote must not have with another object."""
        reference = f"refs/tags/{tag}"
        self._reach(remote, "push", "--quiet", "--end-of-options", remote, f"{reference}:{reference}")

    def _email(self, actor: str) -> str:
        code, email = self._try("config", "user.email")
        return f"{'.'.join(re.findall('[A-Za-z0-9]+', actor)) or 'slipway'}@localhost" if code else email

    def _git(self, *arguments: str, **environment: str) -> str:
        code, output = self._try(*arguments, **environment)
        if code:
            raise GitError(f"git {arguments[0]} failed in {self._folder}: {output}.")
        return output

    def _reach(self, remote: str, *arguments: str) -> str:
        code, output = self._try(*arguments)
        if code:
            raise GitError(
                f"git {arguments[0]} with the remote {without_login(remote)} failed ({output}): check the "
                "remote and "
                'your access to it, or keep the tag here with -e build_git_remote="".'
            )
        return output

    def _try(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Exit code and output; of a command that failed, the line that says why."""
        calm = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **environment}
        try:
            done = subprocess.run(
                ["git", "-C", self._folder, *arguments],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=self._timeout,
                check=False,
                env={**os.environ, **calm},
            )
        except FileNotFoundError as error:
            raise GitError(
                "git is not installed: install it, for instance with apt-get install git."
            ) from error
        except subprocess.TimeoutExpired:
            return 124, f"no answer within {self._timeout:g} s"
        return done.returncode, _cause(done.stderr) if done.returncode else done.stdout.strip()


def _cause(errors: str) -> str:
    """The one line of git's complaints that names the cause."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal: ", "error: "))] or lines
    return without_login(telling[0].split(": ", 1)[-1].rstrip(".")) if telling else ""


def without_login(text: str) -> str:
    """``text`` with user and password taken out of every URL in it."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)


def _listed(lines: str) -> dict[str, str]:
    pairs = (line.split(None, 1) for line in lines.splitlines())
    return {reference[len("refs/tags/") :]: object_id for object_id, reference in pairs}


def tag_release(clone: Clone, note: Note, remote: str, actor: str, dry: bool) -> tuple[bool, bool]:
    """See that the note's tag is in the clone and at the remote; whether it had to be made, and pushed.

    :param dry: only tell, and change nothing.
    :raises GitError: one of them has a tag of that name that says something else.
    """
    tag = note.version
    here, there = clone.local_tags().get(tag), clone.remote_tags(remote).get(tag)
    if there and there != here:
        clone.fetch(remote, tag)
    for object_id in filter(None, {here, there}):
        said = clone.note(object_id)
        if said.digest != note.digest:
            raise GitError(
                f"The git tag {tag} says {said.digest or 'no digest'} and the release is {note.digest}: "
                "build the next number with ansible-playbook build.yml."
            )
    create, push = not (here or there), bool(remote) and not there
    if not dry:
        if create:
            clone.create(note, actor)
        if push:
            clone.push(remote, tag)
    return create, push
