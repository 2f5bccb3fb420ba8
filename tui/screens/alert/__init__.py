"""One alert: its details, its attempts and the actions on it."""
