"""Makes the application importable as it is in its image."""

import sys
from pathlib import Path

import pytest

APP = Path(__file__).parents[3] / "app"
sys.path.insert(0, str(APP))


class Clock:
    """A time in seconds that passes only when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
