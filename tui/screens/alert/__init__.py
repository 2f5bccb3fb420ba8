"""One alert: its details, its attempts, and what can be done with it."""
