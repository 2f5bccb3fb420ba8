"""Adding or editing a destination: configure, test, done."""
