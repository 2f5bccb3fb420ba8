"""Intake: how alerts enter Tocsin (HTTP, files, pipes)."""
