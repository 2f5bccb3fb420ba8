"""Ways in for alerts."""
