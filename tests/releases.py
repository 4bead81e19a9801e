"""The releases that tests ship, made once in the lab's registry; run again, only what is missing.

    python -m tests.releases                        make them all
    python -m tests.releases move 1.0.3 build-2     let one tag name what another one names

The first comes out of the real ``build.yml``, from a throw-away repository with a copy of the application, so
that the clone gets no tags. The others are that image under another version, some with a fault switched on. The
copy's hash names the image, so that an edited application gives new releases.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests
from dxf import DXF

from tests import inventories
from tests.lab import ROOT, Lab, settings
from tools.steps import environment

# Build number to fault, empty for a good release.
BUILDS = {
    1: "",
    2: "",
    3: "",
    4: "",
    5: "",
    11: "exit",
    12: "unhealthy",
    13: "unhealthy_after",
    14: "broken_root",
    15: "slow_start",
    16: "wrong_port",
    17: "errors",
    18: "latency",
    19: "errors_after",
}
SERIES = "1.0"
SHIPPED = ("Dockerfile", ".dockerignore", "app")
OTHER = ROOT / "tests" / "images" / "other"
OTHER_VERSIONS = ("1.0.1", "1.0.2")
AUTHOR = {
    "GIT_AUTHOR_NAME": "Tests",
    "GIT_AUTHOR_EMAIL": "tests@localhost",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "Tests",
    "GIT_COMMITTER_EMAIL": "tests@localhost",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}


def version(build: int) -> str:
    """The version of a build."""
    return f"{SERIES}.{build}"


def sources() -> list[Path]:
    """The files that a release is built from, below the project's root."""
    found = (path for name in SHIPPED for path in [ROOT / name, *(ROOT / name).rglob("*")])
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def content() -> str:
    """A short hash of those files."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def image(lab: Lab) -> str:
    """Repository of the releases that were made last, without a tag."""
    return (lab.directory / "releases" / "image").read_text(encoding="ascii")


def repository(lab: Lab, image: str) -> DXF:
    """A client of one repository in the lab's registry."""

    def log_in(dxf: Any, response: Any) -> None:
        dxf.authenticate(lab.user, lab.password, response=response)

    host, _, name = image.partition("/")
    return DXF(host, name, auth=log_in, tlsverify=str(lab.directory / "ca.crt"), timeout=10)


def digest(lab: Lab, image: str, tag: str) -> str:
    """The digest that a tag names in the lab's registry."""
    return str(repository(lab, image).head_manifest_and_response(tag)[0])


def move(lab: Lab, image: str, tag: str, to: str) -> None:
    """Let ``tag`` name what the tag ``to`` names."""
    client = repository(lab, image)
    client.set_manifest(tag, str(client.get_manifest(to)))


def missing(lab: Lab, image: str) -> list[int]:
    """The builds that the registry does not have with all their tags."""
    try:
        tags = set(repository(lab, image).list_aliases())
    except requests.HTTPError as error:
        if error.response.status_code != requests.codes.not_found:
            raise
        tags = set()
    return [build for build in BUILDS if not {version(build), f"build-{build}"} <= tags]


def run(command: list[str], env: dict[str, str], cwd: Path = ROOT, text: str = "") -> None:
    """Run a command, with ``text`` as its input; raises SystemExit with its output when it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(env),
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")


def checkout(folder: Path) -> None:
    """Make a repository with the files that are shipped; its commit follows from their content."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in sources():
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "The application"]):
        run(["git", *words], AUTHOR, folder)


def build_first(lab: Lab, image: str) -> None:
    """Ship the first release through ``build.yml``."""
    folder = lab.directory / "releases"
    checkout(folder / "source")
    variables = {
        "build_number": "1",
        "release_image": image,
        "build_context": str(folder / "source"),
        "build_release_dir": str(folder),
        "build_git_remote": "",
        # What bench.load asks for.
        "build_args": {"LOAD_PATHS": "on"},
    }
    env = {**lab.environment, **AUTHOR, "SLIPWAY_EVENTS": str(folder / "events.jsonl")}
    given, policy = inventories.split(variables)
    inventory = inventories.write(folder / "policy.json", policy, ["localhost"])
    env["ANSIBLE_INVENTORY"] += f",{inventory}"
    run(["ansible-playbook", "build.yml", "-e", json.dumps(given)], env)


def build_further(lab: Lab, image: str, build: int, fault: str) -> None:
    """Ship the first release's image again as another build, with its settings changed."""
    name = f"{image}:{version(build)}"
    recipe = f"""
        FROM {image}:{version(1)}
        ENV APP_VERSION={version(build)} APP_FAULT={fault}
        LABEL org.opencontainers.image.version={version(build)}
    """
    login = {"DOCKER_CONFIG": str(lab.directory / "docker")}
    run(["docker", "build", "--quiet", "--tag", name, "-"], login, text=recipe)
    run(["docker", "push", "--quiet", name], login)
    move(lab, image, f"build-{build}", version(build))


def build_other(lab: Lab) -> None:
    """Build and push the image that is not ours; unchanged, everything comes from Docker's cache."""
    base = f"slipway-lab/debian:{settings('images')['lab_suite']}"
    for tag in OTHER_VERSIONS:
        name = f"{lab.registry}/other:{tag}"
        arguments = ["--build-arg", f"BASE={base}", "--build-arg", f"PAGE=other {tag}"]
        run(["docker", "build", "--quiet", "--tag", name, *arguments, str(OTHER)], {})
        run(["docker", "push", "--quiet", name], {"DOCKER_CONFIG": str(lab.directory / "docker")})


def ensure(lab: Lab) -> None:
    """Make every release that is missing, and say what was made."""
    ours = f"{lab.registry}/app-{content()}"
    for build in missing(lab, ours):
        began = time.monotonic()
        if build == 1:
            build_first(lab, ours)
        else:
            build_further(lab, ours, build, BUILDS[build])
        print(f"{version(build)} {BUILDS[build] or 'good'}: {time.monotonic() - began:.1f} s", flush=True)
    build_other(lab)
    (lab.directory / "releases" / "image").write_text(ours, encoding="ascii")


def main() -> int:
    """Read the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the releases that tests ship.")
    verbs = parser.add_subparsers(dest="verb")
    mover = verbs.add_parser("move", help="let one tag name what another one names")
    mover.add_argument("tag")
    mover.add_argument("to")
    arguments = parser.parse_args()
    lab = Lab.chosen()
    if arguments.verb == "move":
        move(lab, image(lab), arguments.tag, arguments.to)
    else:
        ensure(lab)
    return 0


if __name__ == "__main__":
    sys.exit(main())
