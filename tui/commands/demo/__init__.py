"""`tocsin demo`."""
