"""Settings that the app keeps from one start to the next, in a small file."""

import contextlib
import json
import logging
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.store.private import make_directory

log = logging.getLogger(__name__)

_MOST_BYTES = 64 * 1024
_MOST_FILTERS, _LONGEST_FILTER = 50, 200
"""Limits of the history, so that the file stays small enough to be read whole."""


@dataclass
class Kept:
    """Changed while the app runs, written when it is closed."""

    theme: str = ""
    """Name of a theme. Empty: Tocsin's own."""
    screen: str = ""
    """The screen shown last."""
    filter: str = ""
    """The filter of the alerts, as typed."""
    history: list[str] = field(default_factory=list[str])
    """Filters used before, the latest last."""
    split: int = 0
    """Width of the details pane in percent. 0: the default of the style sheet."""

    def remember(self, filter: str) -> None:
        """Add a filter to the history, or move it to its end."""
        if filter and len(filter) <= _LONGEST_FILTER:
            others = [text for text in self.history if text != filter]
            self.history[:] = [*others, filter][-_MOST_FILTERS:]

    @classmethod
    def read(cls, path: Path) -> "Kept":
        """Read `path`. An unreadable file is logged and ignored, so that the app starts anyway."""
        try:
            with path.open("rb") as file:
                return cls(**_understood(json.loads(file.read(_MOST_BYTES))))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, RecursionError) as error:
            log.warning("ignoring the saved state of the app: cannot read %s: %s", path, error)
            return cls()

    def write(self, path: Path) -> None:
        """Write `path` atomically, readable by its owner only. Errors are logged, not raised."""
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            make_directory(path.parent)
            with open(
                os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8"
            ) as file:
                json.dump(vars(self), file, ensure_ascii=False)
            beside.replace(path)
        except OSError as error:
            log.warning("cannot save theme, screen and filters in %s: %s", path, error)
            with contextlib.suppress(OSError):
                beside.unlink()


def _understood(value: Any) -> dict[str, Any]:
    """Return the known entries of the right type. A newer Tocsin may have written others."""
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    types = {name: type(entry) for name, entry in vars(Kept()).items()}
    found = {name: entry for name, entry in value.items() if type(entry) is types.get(name)}
    if not all(isinstance(text, str) for text in found.get("history", ())):
        del found["history"]
    return found
