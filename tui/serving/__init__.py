"""Tocsin's HTTP servers: the endpoint for alerts and the built-in receiver."""

from tui.serving.connection import Limits
from tui.serving.refusals import Refusals
from tui.serving.server import ServerThread, bind, serve

__all__ = ["Limits", "Refusals", "ServerThread", "bind", "serve"]
