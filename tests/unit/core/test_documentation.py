"""Every module explains itself: ansible-doc reads it, and it says what each option is for."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "ansible/plugins/modules").glob("*.py"))


def test_every_module_documents_options_examples_and_check_mode():
    command = [Path(sys.executable).parent / "ansible-doc", "--json", "-t", "module"]
    names = [f"slipway.core.{name}" for name in MODULES]
    done = subprocess.run([*command, *names], cwd=ROOT, check=True, capture_output=True, text=True)
    documented = json.loads(done.stdout)
    assert sorted(documented) == names
    for name, content in documented.items():
        assert content["examples"], name
        assert content["doc"]["attributes"]["check_mode"]["support"], name
        for option, details in content["doc"]["options"].items():
            assert details["description"], f"{name}: {option}"
            assert details["type"], f"{name}: {option}"
