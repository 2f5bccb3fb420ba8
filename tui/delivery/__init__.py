"""Sends deliveries and records what came back: the only importer of httpx."""
