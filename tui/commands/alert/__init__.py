"""`tocsin alert`."""
