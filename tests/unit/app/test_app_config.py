"""Settings come from the environment, and one that cannot be used is refused in a sentence."""

import pytest
from web.config import Config, ConfigError, Fault


def test_nothing_set_gives_a_whole_configuration():
    assert Config.from_environment({}) == Config()
    assert Config().fault is Fault.NONE


def test_everything_set():
    config = Config.from_environment(
        {
            "APP_VERSION": "1.0.42",
            "APP_COMMIT": "c0ffee",
            "APP_ENVIRONMENT": "staging",
            "APP_FAULT": "slow_start",
            "APP_FAULT_SECONDS": "0.5",
            "APP_FAULT_SHARE": "1",
            "APP_LOAD_PATHS": "on",
            "PORT": "9000",
        }
    )
    assert config == Config("1.0.42", "c0ffee", "staging", 9000, Fault.SLOW_START, 0.5, 1.0, True)


def test_an_empty_variable_counts_as_not_set():
    names = ["APP_VERSION", "APP_COMMIT", "APP_ENVIRONMENT", "PORT"]
    names += ["APP_FAULT", "APP_FAULT_SECONDS", "APP_FAULT_SHARE", "APP_LOAD_PATHS"]
    assert Config.from_environment(dict.fromkeys(names, "")) == Config()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("PORT", value) for value in ("http", "0", "65536", "-1", "80.0", "²")],
        *[("APP_FAULT", value) for value in ("explode", "EXIT", " ")],
        *[("APP_LOAD_PATHS", value) for value in ("true", "ON", "off", "1")],
        *[("APP_FAULT_SECONDS", value) for value in ("soon", "-1", "nan", "inf")],
        *[("APP_FAULT_SHARE", value) for value in ("some", "-0.1", "1.1", "20%", "nan", "inf")],
    ],
)
def test_what_cannot_be_used_is_named(name, value):
    with pytest.raises(ConfigError, match=f"^{name} is {value!r}: .*\\.$".replace("\\xb2", "²")):
        Config.from_environment({name: value})


def test_an_unknown_fault_is_told_the_known_ones():
    known = "exit, unhealthy, unhealthy_after, broken_root, slow_start, wrong_port, errors, errors_after, latency"
    with pytest.raises(ConfigError, match=f"one of {known}\\."):
        Config.from_environment({"APP_FAULT": "explode"})
