"""What the application is told by its environment, read and checked once at start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_PORT = 8000
DEFAULT_FAULT_SECONDS = 5.0
DEFAULT_FAULT_SHARE = 0.2


class ConfigError(Exception):
    """A variable has a value that cannot be used; the message names it and says what is allowed."""


class Fault(StrEnum):
    """A way of being broken on purpose."""

    NONE = ""
    EXIT = "exit"
    UNHEALTHY = "unhealthy"
    UNHEALTHY_AFTER = "unhealthy_after"
    BROKEN_ROOT = "broken_root"
    SLOW_START = "slow_start"
    WRONG_PORT = "wrong_port"
    ERRORS = "errors"
    ERRORS_AFTER = "errors_after"
    LATENCY = "latency"


@dataclass(frozen=True)
class Config:
    """The application's settings; the defaults are for a run without an image.

    :param version: the release's version (APP_VERSION, baked into the image).
    :param commit: the commit it was built from (APP_COMMIT, baked into the image).
    :param environment: where it runs (APP_ENVIRONMENT).
    :param port: TCP port to listen on (PORT).
    :param fault: how it is to be broken, :attr:`Fault.NONE` for not at all (APP_FAULT).
    :param fault_seconds: seconds until, or of, the faults that take time (APP_FAULT_SECONDS).
    :param fault_share: share of the requests, 0 to 1, that the faults with errors let fail (APP_FAULT_SHARE).
    :param load_paths: whether the paths for load tests answer, by which anybody can keep it busy (APP_LOAD_PATHS).
    """

    version: str = "0.0.0"
    commit: str = "unknown"
    environment: str = "development"
    port: int = DEFAULT_PORT
    fault: Fault = Fault.NONE
    fault_seconds: float = DEFAULT_FAULT_SECONDS
    fault_share: float = DEFAULT_FAULT_SHARE
    load_paths: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Config:
        """Read the settings; a variable that is empty counts as not set.

        :raises ConfigError: a value cannot be used.
        """
        return cls(
            version=environ.get("APP_VERSION") or cls.version,
            commit=environ.get("APP_COMMIT") or cls.commit,
            environment=environ.get("APP_ENVIRONMENT") or cls.environment,
            port=_port(environ.get("PORT") or str(DEFAULT_PORT)),
            fault=_fault(environ.get("APP_FAULT", "")),
            fault_seconds=_seconds(environ.get("APP_FAULT_SECONDS") or str(DEFAULT_FAULT_SECONDS)),
            fault_share=_share(environ.get("APP_FAULT_SHARE") or str(DEFAULT_FAULT_SHARE)),
            load_paths=_switch(environ.get("APP_LOAD_PATHS", "")),
        )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise ConfigError(f"PORT is {text!r}: set it to a whole number from 1 to 65535.")
    return int(text)


def _fault(text: str) -> Fault:
    try:
        return Fault(text)
    except ValueError:
        known = ", ".join(fault for fault in Fault if fault)
        raise ConfigError(f"APP_FAULT is {text!r}: leave it empty or set it to one of {known}.") from None


def _switch(text: str) -> bool:
    if text not in ("", "on"):
        raise ConfigError(f"APP_LOAD_PATHS is {text!r}: leave it empty or set it to on.")
    return text == "on"


def _seconds(text: str) -> float:
    seconds = _number(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ConfigError(f"APP_FAULT_SECONDS is {text!r}: set it to a number of seconds, 0 or more.")
    return seconds


def _share(text: str) -> float:
    share = _number(text)
    if not 0 <= share <= 1:
        raise ConfigError(f"APP_FAULT_SHARE is {text!r}: set it to a number from 0 to 1.")
    return share


def _number(text: str) -> float:
    """The number, or NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
