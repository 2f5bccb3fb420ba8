"""What screens and commands read. Each query returns plain values; none writes."""
