"""The Log screen: Tocsin's own log, followed."""
