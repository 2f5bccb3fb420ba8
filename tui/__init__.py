"""Tocsin delivers security alerts to webhooks and never loses one."""

__version__ = "0.1.0"
