"""Shapes: the request that a receiver expects, as data. See docs/shapes.md."""
