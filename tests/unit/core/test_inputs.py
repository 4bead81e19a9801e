"""What the verbs accept."""

import pytest
from ansible_collections.slipway.core.plugins.module_utils import inputs

GROUPS = {"all": [], "staging": ["a"], "production": ["b"]}


@pytest.mark.parametrize("env", ["staging", "production"])
def test_the_environments_are_accepted(env):
    assert inputs.environment_problem(env, "deploy.yml", GROUPS) == ""


@pytest.mark.parametrize("env", ["all", "prod", "Staging", "staging,production", "staging:production", "*", "!x"])
def test_anything_else_is_refused_with_the_choices(env):
    problem = inputs.environment_problem(env, "deploy.yml", GROUPS)
    assert "is not an environment" in problem
    assert "-e env=staging or -e env=production" in problem


def test_a_missing_environment_is_asked_for():
    assert inputs.environment_problem("", "deploy.yml", GROUPS).startswith("deploy.yml needs to know where")


def test_an_environment_without_hosts_is_refused():
    assert "no hosts in group 'production'" in inputs.environment_problem(
        "production", "deploy.yml", {"staging": ["a"]}
    )


def test_a_mistyped_variable_is_refused_with_the_name_it_was_meant_to_have():
    problems = inputs.unknown_variables(["deploy_prot", "my_own"], ["deploy_port", "deploy_env"], ["deploy"])
    assert problems == ["'deploy_prot' is not a variable of Slipway (did you mean 'deploy_port'?)"]


def test_known_variables_and_those_of_others_pass():
    assert inputs.unknown_variables(["deploy_port", "nginx_port"], ["deploy_port"], ["deploy"]) == []


def test_a_mistyped_prefix_is_found_too():
    problems = inputs.unknown_variables(["depoly_port"], ["deploy_port"], ["deploy"])
    assert problems == ["'depoly_port' is not a variable of Slipway (did you mean 'deploy_port'?)"]


def test_variables_of_others_that_sound_like_ours_pass():
    assert inputs.unknown_variables(["my_deploy_port", "database_port"], ["deploy_port"], ["deploy"]) == []


def test_an_extra_variable_that_nobody_knows_is_refused():
    (longer,) = inputs.unknown_extra_variables(["enviroment"], ["env", "version"], ["deploy_port"])
    assert "(did you mean 'env'?)" in longer
    problems = inputs.unknown_extra_variables(["verison", "dry_run"], ["env", "version"], ["deploy_port"])
    assert "-e verison=… is not known (did you mean 'version'?)" in problems[1]
    assert problems[0].startswith("-e dry_run=… is not known: the options are env, version")


def test_extra_variables_of_roles_and_of_ansible_pass():
    assert inputs.unknown_extra_variables(["env", "deploy_port", "ansible_user"], ["env"], ["deploy_port"]) == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"deploy_port": 0}, "between 1 and 65535"),
        ({"deploy_port": 65536}, "between 1 and 65535"),
        ({"deploy_container_port": -1}, "between 1 and 65535"),
        ({"deploy_health_passes": 0}, "at least 1"),
        ({"deploy_name": "My App"}, "small letters"),
        ({"release_image": "registry.example.com/app:1.0"}, ""),
        ({"release_image": "app"}, "registry and repository"),
        ({"release_image": "https://registry.example.com/app"}, "without a tag"),
        ({"deploy_health_path": "health"}, "start with '/'"),
        ({"deploy_smoke_paths": ["ok"]}, "start with '/'"),
        ({"deploy_secret_env": {"KEY": ""}}, "deploy_secret_env has 'KEY' without a value"),
        ({"deploy_secrets": {"key": None}, "deploy_user": "1:1"}, "deploy_secrets has 'key' without a value"),
    ],
)
def test_a_value_that_cannot_work_is_refused_in_one_sentence(values, says):
    problems = inputs.value_problems(values)
    assert len(problems) == 1
    assert says in problems[0]


def test_good_values_pass():
    assert (
        inputs.value_problems(
            {"deploy_port": 8080, "release_image": "10.0.0.2:5000/team/app", "deploy_health_path": "/health"}
        )
        == []
    )
