"""`tocsin destination`."""
