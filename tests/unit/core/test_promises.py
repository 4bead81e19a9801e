"""What README, CONTRIBUTING and docs/ name is there, under that name and with that default."""

from __future__ import annotations

import ast
import configparser
import inspect
import re
import shlex
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.core.plugins.module_utils import (
    command_line,
    crowd,
    drift,
    engine,
    front,
    front_change,
    git_tag,
    haproxy,
    inputs,
    interruption,
    labels,
    preflight,
    redact,
    registry,
    retention,
    soak,
    tenure,
)
from ansible_collections.slipway.core.plugins.modules import github_approval

from bench import cases

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ansible/README.md", *sorted(ROOT.glob("docs/*.md"))]
# docs/RELIABILITY.md is made by tests, of what they found.
WRITTEN = [page for page in PAGES if page.name != "RELIABILITY.md"]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in WRITTEN)
SETTINGS = (ROOT / "docs/SETTINGS.md").read_text(encoding="utf-8")
PIPELINE = (ROOT / "docs/PIPELINE.md").read_text(encoding="utf-8")
HAPROXY = (ROOT / "ansible/roles/proxy/templates/haproxy.cfg.j2").read_text(encoding="utf-8")
LOOK = "ansible/roles/deploy/tasks/look.yml"
VERBS = sorted(path for path in ROOT.glob("[a-z]*.yml") if path.name != "requirements.yml")


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


DEFAULTS = {
    name: value
    for path in sorted(ROOT.glob("ansible/roles/*/defaults/main.yml"))
    for name, value in loaded(str(path.relative_to(ROOT))).items()
}
PREFIXES = sorted({name.split("_", 1)[0] for name in DEFAULTS})


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose head begins with ``first``, without the head."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().startswith(f"| {first} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.strip().startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
    return found


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def anchors(page: Path) -> set[str]:
    """Those that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if path.startswith(("http://", "https://")):
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(there), f"{link} names no heading"


# A default that is worked out, as the table says it, and as the role has it.
WORKED_OUT = {
    "none": r"",
    "http(s)://ansible_host:deploy_port": r"\{\{ 'https' if .*\}\}://\{\{ ansible_host .*:\{\{ deploy_port \}\}",
    "HAProxy 3.2, by digest": r"docker\.io/library/haproxy:3\.2\.\d+@sha256:[0-9a-f]{64}",
    "deploy_port + 10000": r"\{\{ deploy_port \| int \+ 10000 \}\}",
    "+ 20000": r"\{\{ deploy_port \| int \+ 20000 \}\}",
    "a quarter of proxy_maxconn": r"\{\{ proxy_maxconn \| int // 4 \}\}",
}


def is_default(told: str, value: Any) -> bool:
    plain = told.replace("`", "")
    if plain in WORKED_OUT:
        return re.fullmatch(WORKED_OUT[plain], str(value)) is not None
    return bool(yaml.safe_load(plain) == value)


def told_defaults() -> list[tuple[str, str]]:
    """Each variable of the tables, with the default that they tell; one default may be that of all in a row."""
    found = []
    for table in SETTINGS.split("\n## ")[1:]:
        for cells in rows(table, "variable"):
            worked_out = " + " in cells[0]
            names = [name for name in names_in(cells[0]) if name.split("_", 1)[0] in PREFIXES and not worked_out]
            defaults = re.split(r", (?![^\[]*\])", cells[1]) if len(names) > 1 else [cells[1]]
            if cells[1].replace("`", "") in WORKED_OUT:
                defaults = [cells[1]]
            found += zip_longest(names, defaults, fillvalue=defaults[0]) if names else []
    return found


def test_the_tables_of_settings_tell_the_defaults_of_the_roles() -> None:
    told = told_defaults()
    assert len(told) > 40
    for name, default in told:
        assert name in DEFAULTS, f"{name} is no variable of a role"
        assert is_default(default, DEFAULTS[name]), f"{name} is said to be {default}, and is {DEFAULTS[name]!r}"


def test_every_variable_of_the_proxy_is_in_the_tables() -> None:
    told = set(re.findall(r"proxy_[a-z_]+", SETTINGS))
    assert told == {name for name in DEFAULTS if name.startswith("proxy_")}


def test_what_is_named_like_a_variable_is_one() -> None:
    named = set(re.findall(rf"(?<![\w/.-])((?:{'|'.join(PREFIXES)})_[a-z_]*[a-z])(?![\w.])", TEXT))
    assert named - set(DEFAULTS) == set()


def options(verb: Path) -> set[str]:
    """What a verb takes with ``-e`` beside the variables of roles."""
    found = re.search(r"options: \[([^\]]*)\]", verb.read_text(encoding="utf-8"))
    return set(found[1].split(", ")) if found else set()


def test_the_commands_name_verbs_and_options_that_are_there() -> None:
    commands = re.findall(r"ansible-playbook\s+((?:[\w/-]+)\.yml)((?:[^`\n&|]|\n(?! *\n))*)", TEXT)
    assert {verb for verb, _ in commands} >= {path.name for path in VERBS}
    for verb, arguments in commands:
        assert (ROOT / verb).is_file(), verb
        for name in re.findall(r"-e (\w+)=", arguments.split("\n")[0]):
            assert name in {*DEFAULTS, *options(ROOT / verb), command_line.USER}, f"{verb} takes no -e {name}"
    every = {option for verb in VERBS for option in options(verb)}
    for name in re.findall(r"-e\s+(\w+)=", TEXT):
        assert name in {*DEFAULTS, *every, command_line.USER}, f"no verb takes -e {name}"


def test_events_go_to_standard_output_for_the_verbs_that_are_named() -> None:
    told = re.search(r"to\s+standard\s+output\s+with\s+`-e format=json`\s+\(([^)]*); `status`", TEXT)
    assert told
    takes = {verb.stem for verb in VERBS if "format" in options(verb)}
    assert {*names_in(told[1]), "status"} == takes


def test_every_verb_has_its_row() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    told = [name for cells in rows(readme, "command") for name in re.findall(r"(\w+\.yml)", cells[0])]
    assert set(told) == {path.name for path in VERBS}


def test_what_decides_is_named_as_refused_on_the_command_line() -> None:
    told = re.search(r"and what decides: (.*?) belong in", TEXT, re.DOTALL)
    assert told
    assert set(names_in(told[1])) == set(command_line.POLICY)


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|  )make ([a-z-]+)", TEXT, re.MULTILINE))
    assert {"demo", "test", "clean"} <= named <= targets


def sources() -> str:
    """The code that reads environment variables."""
    places = ("*.yml", ".github/workflows/*.yml", "ansible/**/*.yml", "ansible/**/*.py", "lab/**/*.yml", "tools/*.py")
    paths = [path for place in (*places, "bench/*.py", "inventory/**/*.yml") for path in ROOT.glob(place)]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_every_environment_variable_is_read_by_something() -> None:
    code = sources()
    named = set(re.findall(r"\bSLIPWAY_[A-Z_]*[A-Z]\b", TEXT))
    assert len(named) > 15
    assert {name for name in named if not re.search(rf"\b{name}\b", code)} == set()


# What a job is called where the table tells who reads a variable.
JOBS = {
    "Build": "ship/build",
    "Staging": "ship/staging",
    "Production": "ship/production",
    "Roll back": "rollback/rollback",
    "Test": "ci/test",
    "pull requests": "pull-request/",
}


def test_the_secrets_and_variables_of_the_pipeline_are_those_that_its_jobs_read() -> None:
    reads: dict[str, set[str]] = {}
    defaults: dict[str, set[str]] = {}
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        for job, content in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items():
            if "steps" not in content:
                continue
            for kind, name, default in re.findall(r"(secrets|vars)\.(SLIPWAY_\w+)(?: \|\| '([\w-]+)')?", str(content)):
                reads.setdefault(f"{name} {kind}", set()).add(f"{path.stem}/{job}")
                defaults.setdefault(name, set()).update(filter(None, [default]))
    before: set[str] = set()
    table = rows(PIPELINE, "name")
    assert {f"{names_in(it[0])[0]} {'secrets' if it[1] == 'secret' else 'vars'}" for it in table} == set(reads)
    for name_cell, kind, purpose, readers in table:
        (name,) = names_in(name_cell)
        told = {JOBS[word] for word in JOBS if word in readers}
        told |= before if readers.startswith(("the same", "these")) else set()
        found = reads[f"{name} {'secrets' if kind == 'secret' else 'vars'}"]
        # The job that only says that nothing was touched reads none of what the table is about.
        found = {it for it in found if it != "ship/untouched"}
        assert {it if not it.startswith("pull-request/") else "pull-request/" for it in found} == told, name
        assert set(re.findall(r"default `([\w-]+)`", purpose)) == defaults.get(name, set()), name
        before = told


# What a reader makes, or what is made, and what is no file of this repository.
MADE = {".venv", ".slipway", "group_vars/runner/vars.yml", "group_vars/all/vault.yml"}


def test_every_file_that_is_named_is_there() -> None:
    paths = re.findall(r"(?<![\w/.:*<-])((?:[\w.-]+/)+[\w.-]*\w)", re.sub(r"\w+://\S+", "", TEXT))
    named = {path for path in paths if path.split("/")[0] in {it.name for it in ROOT.iterdir()}}
    assert len(named) > 20
    for path in named:
        assert path in MADE or path.split("/")[0] in MADE or (ROOT / path).exists(), path


def test_the_collection_tells_of_each_role() -> None:
    told = rows((ROOT / "ansible/README.md").read_text(encoding="utf-8"), "role")
    roles = {f"slipway.core.{path.name}" for path in (ROOT / "ansible/roles").iterdir() if path.is_dir()}
    assert {name for cells in told for name in names_in(cells[0])} == roles


@pytest.mark.parametrize(
    "task", ["deploy/tasks/commit.yml", "deploy/tasks/canary_abort.yml", "maintenance/tasks/main.yml"]
)
def test_the_ledger_is_told_why_where_the_text_says_so(task: str) -> None:
    """A rollback, a canary that is given up, and the maintenance page."""
    assert "`SLIPWAY_REASON` tells the ledger why you roll back, abort a canary, or show the maintenance page" in (
        " ".join(TEXT.split())
    )
    assert re.search(
        r"reason: .*lookup\('ansible\.builtin\.env', 'SLIPWAY_REASON'\)", (ROOT / "ansible/roles" / task).read_text()
    )


def test_the_workflow_for_rollbacks_asks_for_what_the_text_says() -> None:
    assert "asks for the environment, the reason, and a version if it is not the one before" in " ".join(TEXT.split())
    # YAML 1.1 reads the key "on" as a truth value.
    inputs_of = loaded(".github/workflows/rollback.yml")[True]["workflow_dispatch"]["inputs"]
    job = loaded(".github/workflows/rollback.yml")["jobs"]["rollback"]
    assert job["environment"]["name"] == "${{ inputs.environment }}", "whose reviewers are asked"
    assert {name: it["required"] for name, it in inputs_of.items()} == {
        "environment": True,
        "version": False,
        "reason": True,
    }


def test_a_run_says_that_production_is_untouched_whatever_became_of_its_job() -> None:
    assert "Denied, timed out or cancelled: production is untouched, and the run says so." in " ".join(TEXT.split())
    job = loaded(".github/workflows/ship.yml")["jobs"]["untouched"]
    assert job["if"].startswith("always() && needs.staging.result == 'success' &&")
    assert job["if"].endswith("needs.production.outputs.approved != 'success'")
    assert "GITHUB_STEP_SUMMARY" in job["steps"][0]["run"]


def test_the_layout_is_that_of_the_repository() -> None:
    layout = re.search(r"## Layout\n\n```\n(.*?)```", TEXT, re.DOTALL)
    assert layout
    for line in layout[1].splitlines():
        inside = "ansible/" if line.startswith("  ") else ""
        for name in re.split(r"\s{2,}", line.strip())[0].split():
            assert list(ROOT.glob(inside + name.rstrip("/"))), name


def test_every_module_of_python_that_is_named_is_there() -> None:
    places = ("ansible/plugins/*/*.py", "tests/unit/core/*.py")
    known = {path.name for place in places for path in ROOT.glob(place)}
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+\.py)`", contributing))
    assert len(named) > 10
    assert named <= known


# What runs on the controller alone, with its libraries.
WITH_LIBRARIES = {"registry.py", "registry_session.py"}


@pytest.mark.parametrize("folder", ["modules", "module_utils"])
def test_what_runs_on_targets_needs_no_newer_python_and_no_library(folder: str) -> None:
    assert "runs on targets too: Python 3.9, standard library only" in " ".join(TEXT.split())
    known = {*sys.stdlib_module_names, "ansible", "ansible_collections"}
    for path in sorted((ROOT / "ansible/plugins" / folder).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), path.name, feature_version=(3, 9))
        named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        named += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        foreign = {name for name in named if name.split(".")[0] not in known}
        assert foreign == set() or path.name in WITH_LIBRARIES, f"{path.name} imports {foreign}"


def test_the_time_limits_of_ansible_are_those_of_its_configuration() -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "ansible.cfg")
    limits = {cells[0]: cells[1] for cells in rows(SETTINGS.split("## Time limits")[1], "variable")}
    arguments = dict(re.findall(r"-o (\w+)=(\d+)", config["ssh_connection"]["ssh_args"]))
    silence = int(arguments["ServerAliveInterval"]) * int(arguments["ServerAliveCountMax"])
    assert limits["`timeout` in `ansible.cfg`"] == config["defaults"]["timeout"] == arguments["ConnectTimeout"]
    assert limits["`ServerAliveInterval` × `ServerAliveCountMax` in `ansible.cfg`"] == str(silence)
    assert limits["`task_timeout` in `ansible.cfg`"] == config["defaults"]["task_timeout"]
    jobs = [job for name in ("ship", "rollback") for job in loaded(f".github/workflows/{name}.yml")["jobs"].values()]
    deploying = {str(job["timeout-minutes"]) for job in jobs if "environment" in job}
    assert deploying == {limits["`timeout-minutes` in `ship.yml` and `rollback.yml` (minutes)"]}
    assert limits["`lock_wait`"] == "0"
    assert inputs.MAX_WAIT_SECONDS == 24 * 60 * 60, "up to a day"


def default_in_documentation(module: Any, option: str) -> float:
    return float(yaml.safe_load(module.DOCUMENTATION)["options"][option]["default"])


def default_of(function: Any, name: str) -> float:
    return float(inspect.signature(function).parameters[name].default)


def test_the_fixed_time_limits_are_those_of_the_code() -> None:
    fixed = [(float(cells[1]), cells[2]) for cells in rows(SETTINGS.split("## Time limits")[1], "variable")[-8:]]
    haproxy_told = next(text for _, text in fixed if "HAProxy" in text)
    assert (front.START_SECONDS, front_change.RELOAD_SECONDS) == (10, 15)
    assert haproxy_told.endswith("10 for its start, 15 for a reload")
    assert [seconds for seconds, _ in fixed] == [
        default_of(registry.Registry, "timeout"),
        engine.ANSWER_SECONDS,
        default_in_documentation(github_approval, "timeout"),
        interruption.END_SECONDS,
        default_of(haproxy.Proxy, "timeout"),
        default_of(git_tag.Clone, "timeout"),
        tenure.WAIT_SECONDS,
        # Three answers of Docker Engine beside the container's own time, and then the wait of the row before.
        DEFAULTS["deploy_stop_timeout"] + 3 * engine.ANSWER_SECONDS + tenure.WAIT_SECONDS,
    ]


@pytest.mark.parametrize(
    ("said", "value", "told"),
    [
        ("half of the traffic for at most 15 s", (soak.COMPARE_SHARE, soak.COMPARE_SECONDS), (50, 15)),
        ("at least three addresses must have seen failures", crowd.WITNESSES, 3),
        ("those of fewer than four characters", redact.SHORTEST, 4),
        ("three times its layers", preflight.COPIES, 3),
        ("have a local tag (`slipway-…`)", retention.TAG, "slipway-"),
        (
            "with `what`, `current` and `desired`",
            {"what", "current", "desired"} - {*drift.Drift.__annotations__},
            set(),
        ),
        ("the last ten ledger entries", loaded(LOOK)[0]["slipway.core.environment_info"]["entries"], 10),
        ("`<name>-<environment>-failed-<run>`", labels.failed_name("<n>", "<r>"), "<n>-failed-<r>"),
        ("X-Canary: always", "X-Canary) -m str always" in HAPROXY, True),
        ("with 503 and `Retry-After`", "return status 503" in HAPROXY and "hdr Retry-After" in HAPROXY, True),
    ],
)
def test_what_the_text_tells_of_the_code_is_so(said: str, value: Any, told: Any) -> None:
    assert said in " ".join(TEXT.split())
    assert value == told


def test_what_readme_says_of_a_container_is_the_default() -> None:
    readme = " ".join(PAGES[0].read_text(encoding="utf-8").split())
    for said, name, value in (
        ("user 10001", "deploy_user", "10001:10001"),
        ("read-only root file system", "deploy_read_only", True),
        ("without any capability", "deploy_capabilities", []),
        ("256 MiB of `/tmp`", "deploy_tmpfs", ["/tmp:size=256m"]),
        ("1 GiB of memory in all", "deploy_memory", "1g"),
        ("no core dumps", "deploy_ulimits", {"core": 0}),
        ("`GET /health`", "deploy_health_path", "/health"),
        ("answer 200 and JSON", "deploy_health_statuses", [200]),
        ("with the key `version`", "deploy_version_key", "version"),
        ("(30 s each)", "deploy_stop_timeout", 30),
        ("(30 s each)", "deploy_drain_timeout", 30),
        ("`/var/lib/slipway/<name>-<environment>/`", "ledger_directory", "/var/lib/slipway"),
        ("`blue_green` (default)", "deploy_strategy", "blue_green"),
    ):
        assert said in readme, said
        assert DEFAULTS[name] == value


def test_the_collection_can_be_installed_alone(tmp_path: Path) -> None:
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    command = [galaxy, "collection", "install", "--no-deps", "--collections-path", tmp_path, ROOT / "ansible"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, timeout=60)
    installed = tmp_path / "ansible_collections/slipway/core"
    for part in ("roles", "plugins/modules", "plugins/module_utils"):
        names = {path.name for path in (ROOT / "ansible" / part).iterdir() if path.name != "__pycache__"}
        assert {path.name for path in (installed / part).iterdir()} >= names


def test_the_bench_has_the_cases_that_are_shown() -> None:
    shown = re.search(r"python -m bench\.traffic ([^`]*)`", TEXT)
    assert shown
    named = shlex.split(" ".join(shown[1].split()))
    assert len(named) == 2
    assert set(named) <= {case.name for case in cases.cases()}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_are_short_enough_to_be_read(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 400
    assert [line for line in lines if len(line) > 120 and not line.lstrip().startswith("|")] == []
