"""What is tested is what is shipped."""

import re
from importlib.metadata import version

from conftest import APP

LOCKED = (APP / "requirements.txt").read_text()


def test_the_tests_run_with_the_locked_versions():
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", LOCKED, re.MULTILINE))
    assert {"flask", "flask-sock", "gunicorn", "prometheus-client"} <= set(locked)
    assert locked == {name: version(name) for name in locked}


def test_the_lock_names_no_index():
    assert "://" not in LOCKED
