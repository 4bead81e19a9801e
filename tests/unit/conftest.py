"""Makes ``ansible_collections.slipway.core`` and ``tests`` importable from this clone."""

import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

# How long an example takes is this machine's affair, and no property.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")
