"""Settings that the app keeps from one start to the next, in a small file."""

import contextlib
import json
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tui.store.private import make_directory

log = logging.getLogger(__name__)

_MOST_BYTES = 64 * 1024
_MOST_FILTERS, _LONGEST_FILTER = 50, 200
_MOST_DATABASES = 10
"""Limits, so that the file stays small enough to be read whole."""
_OF_ONE_DATABASE, _OF_ALL = ("screen", "filter", "cursor"), ("theme", "history", "split")


@dataclass
class Kept:
    """Changed while the app runs, written when it is closed."""

    theme: str = ""
    """Name of a theme. Empty: Tocsin's own."""
    screen: str = ""
    """The screen shown last. Like the filter and the cursor, it belongs to the database it was left in."""
    filter: str = ""
    """The filter of the alerts, as typed."""
    cursor: str = ""
    """The ID of the alert under the cursor. Empty: the newest."""
    history: list[str] = field(default_factory=list[str])
    """Filters used before, the latest last."""
    split: int = 0
    """Width of the details pane in percent. 0: the default of the style sheet."""

    def remember(self, filter: str) -> None:
        """Add a filter to the history, or move it to its end."""
        if filter and len(filter) <= _LONGEST_FILTER:
            others = [text for text in self.history if text != filter]
            self.history[:] = [*others, filter][-_MOST_FILTERS:]

    def start_over(self) -> None:
        """Forget what belongs to the database: it is a new one."""
        self.screen = self.filter = self.cursor = ""

    @classmethod
    def read(cls, path: Path, database: str = "") -> "Kept":
        """Read what is kept for this database, named without secrets.

        An unreadable file is logged and ignored, so that the app starts anyway.
        """
        held = _read(path)
        of_this = _understood(held.get("databases")).get(database)
        return cls(**_fitting(held, _OF_ALL), **_fitting(_understood(of_this), _OF_ONE_DATABASE))

    def write(self, path: Path, database: str = "") -> None:
        """Write `path` atomically, readable by its owner only. Errors are logged, not raised."""
        values = dict(vars(self))
        of_this = {name: values.pop(name) for name in _OF_ONE_DATABASE}
        if len(self.filter) > _LONGEST_FILTER:
            del of_this["filter"]
        # Read again: another app may have written what belongs to its database meanwhile.
        others = _understood(_read(path).get("databases"))
        others.pop(database, None)
        kept = {**others, database: of_this}
        values["databases"] = dict(list(kept.items())[-_MOST_DATABASES:])
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            make_directory(path.parent)
            with open(
                os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8"
            ) as file:
                json.dump(values, file, ensure_ascii=False)
            beside.replace(path)
        except OSError as error:
            log.warning("cannot save theme, screen and filters in %s: %s", path, error)
            with contextlib.suppress(OSError):
                beside.unlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            held = json.loads(file.read(_MOST_BYTES))
        if not isinstance(held, dict):
            raise ValueError("it is not a JSON object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("ignoring the saved state of the app: cannot read %s: %s", path, error)
        return {}
    return cast("dict[str, Any]", held)


def _understood(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _fitting(value: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the entries with these names and the right type. A newer Tocsin may have written others."""
    types = {name: type(entry) for name, entry in vars(Kept()).items() if name in names}
    found = {name: entry for name, entry in value.items() if type(entry) is types.get(name)}
    if not all(isinstance(text, str) for text in found.get("history", ())):
        del found["history"]
    return found
