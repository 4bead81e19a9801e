"""Settings, all from the environment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

FAULTS = ("", "exit", "unhealthy", "unhealthy_after", "broken_root", "slow_start", "wrong_port")


class ConfigError(Exception):
    """A setting is not understood; the message names it."""


@dataclass(frozen=True)
class Config:
    """What the application knows of itself.

    ``version`` and ``commit`` are baked into the image, ``environment`` comes from the deployment. ``fault`` makes
    a broken release on purpose; empty in normal life. ``fault_seconds`` is its delay.
    """

    version: str = "0.0.0"
    commit: str = "unknown"
    environment: str = "development"
    fault: str = ""
    fault_seconds: float = 5.0
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Config:
        """Read APP_VERSION, APP_COMMIT, APP_ENVIRONMENT, APP_FAULT and APP_FAULT_SECONDS.

        :raises ConfigError: an unknown fault, or seconds that are no number of at least 0.
        """
        fault = env.get("APP_FAULT", "")
        if fault not in FAULTS:
            raise ConfigError(f"APP_FAULT is {fault!r}, and has to be empty or one of {', '.join(FAULTS[1:])}")
        seconds = env.get("APP_FAULT_SECONDS", "5")
        try:
            delay = float(seconds)
        except ValueError:
            delay = -1.0
        if not 0 <= delay < float("inf"):
            raise ConfigError(f"APP_FAULT_SECONDS is {seconds!r}, and has to be a number of seconds")
        return cls(
            version=env.get("APP_VERSION", cls.version),
            commit=env.get("APP_COMMIT", cls.commit),
            environment=env.get("APP_ENVIRONMENT", cls.environment),
            fault=fault,
            fault_seconds=delay,
        )

    @property
    def uptime(self) -> float:
        """Seconds since the application started."""
        return time.monotonic() - self.started
