"""What the app remembers from one start to the next, in a small file of its own."""

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
"""Of the history: the file stays so small that it is read whole."""


@dataclass
class Kept:
    """Changed as the person changes it; written when the app is closed."""

    theme: str = ""
    """The name of a theme; empty for ours."""
    screen: str = ""
    """The mode that was shown last."""
    filter: str = ""
    """Of the alerts, as it was typed."""
    history: list[str] = field(default_factory=list[str])
    """Filters that were used, the last one last."""
    split: int = 0
    """Percent of the width that the details take beside the list; 0 for what the style sheet says."""

    def remember(self, filter: str) -> None:
        """As the last one used."""
        if filter and len(filter) <= _LONGEST_FILTER:
            others = [text for text in self.history if text != filter]
            self.history[:] = [*others, filter][-_MOST_FILTERS:]

    @classmethod
    def read(cls, path: Path) -> "Kept":
        """What `path` holds. A file that makes no sense is not worth a failed start: the log says so."""
        try:
            with path.open("rb") as file:
                return cls(**_understood(json.loads(file.read(_MOST_BYTES))))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, RecursionError) as error:
            log.warning("what the app had kept is ignored: %s cannot be read: %s", path, error)
            return cls()

    def write(self, path: Path) -> None:
        """All of it or nothing, readable by its owner alone; a disk that is full is only logged."""
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            make_directory(path.parent)
            with open(
                os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8"
            ) as file:
                json.dump(vars(self), file, ensure_ascii=False)
            beside.replace(path)
        except OSError as error:
            log.warning("the app could not keep its theme, screen and filters in %s: %s", path, error)
            with contextlib.suppress(OSError):
                beside.unlink()


def _understood(value: Any) -> dict[str, Any]:
    """The entries that are ours and of the right type; a newer Tocsin may have left others."""
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    types = {name: type(entry) for name, entry in vars(Kept()).items()}
    found = {name: entry for name, entry in value.items() if type(entry) is types.get(name)}
    if not all(isinstance(text, str) for text in found.get("history", ())):
        del found["history"]
    return found
