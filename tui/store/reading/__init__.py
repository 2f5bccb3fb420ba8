"""The queries of screens and commands. Each returns plain values; none writes."""
