"""Load and measurements. Nothing here asserts on a time."""

import sys
from pathlib import Path

# For what measurements borrow of slipway.core itself.
sys.path.insert(0, str(Path(__file__).parents[1] / "collections"))
