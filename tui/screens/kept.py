"""What the app remembers from one start to the next, in a small file of its own."""

import contextlib
import json
import logging
import os
import secrets
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_MOST_BYTES = 64 * 1024


@dataclass
class Kept:
    """Changed as the person changes it; written when the app is closed."""

    theme: str = ""
    """The name of a theme; empty for ours."""
    screen: str = ""
    """The mode that was shown last."""
    filter: str = ""
    """Of the alerts, as it was typed."""
    split: int = 0
    """Percent of the width that the details take beside the list; 0 for what the style sheet says."""

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
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                json.dump(vars(self), file)
            beside.replace(path)
        except OSError as error:
            log.warning("the app could not keep its theme, screen and filter in %s: %s", path, error)
            with contextlib.suppress(OSError):
                beside.unlink()


def _understood(value: Any) -> dict[str, Any]:
    """The entries that are ours and of the right type; a newer Tocsin may have left others."""
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    types = {field.name: type(field.default) for field in fields(Kept)}
    return {name: entry for name, entry in value.items() if type(entry) is types.get(name)}
