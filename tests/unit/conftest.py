"""Makes ``ansible_collections.slipway.core`` and ``tests`` importable from this clone."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]
