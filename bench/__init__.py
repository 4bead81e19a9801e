"""Load and measurements. Nothing here asserts on a time."""
