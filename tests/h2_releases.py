"""Releases of the application of tests/images/h2c in the lab's registry, which speak HTTP/2 alone."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

from tests.lab import ROOT, Lab
from tests.releases import run

# By version its fault, empty for a good one.
VERSIONS = {"1.0.1": "", "1.0.2": "", "1.0.3": "unhealthy"}
APPLICATION = ROOT / "tests" / "images" / "h2c" / "h2c.py"
# They are pure Python, so that those of this environment run on any other.
LIBRARIES = ("h2", "hpack", "hyperframe")
RECIPE = """
FROM {base}
COPY . /h2c
ENV PYTHONPATH=/h2c APP_VERSION={version} APP_FAULT={fault}
LABEL org.opencontainers.image.version={version}
CMD ["python", "/h2c/h2c.py"]
"""


def ensure(lab: Lab, base: str) -> str:
    """Build and push them; returns the repository. Unchanged, everything comes from Docker's cache.

    :param base: an image with Python.
    """
    repository = f"{lab.registry}/h2c"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(APPLICATION, folder)
        for library in LIBRARIES:
            found = importlib.util.find_spec(library)
            assert found is not None
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(Path(str(found.origin)).parent, Path(folder) / library, ignore=ignored)
        for version, fault in VERSIONS.items():
            (Path(folder) / "Dockerfile").write_text(RECIPE.format(base=base, version=version, fault=fault))
            name = f"{repository}:{version}"
            run(["docker", "build", "--quiet", "--tag", name, folder], {})
            run(["docker", "push", "--quiet", name], {"DOCKER_CONFIG": str(lab.directory / "docker")})
    return repository
