"""A pattern that `tocsin watch` follows: the files that match now, and those that appear later."""

import fnmatch
import glob
import time
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from tui.commands.sending.sources import Sources
from tui.commands.shared.session import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tui.intake.following import FollowedFile
    from tui.store.engine.database import Store


class Followed(Protocol):
    """What follows one file."""

    file: "FollowedFile"


One = TypeVar("One", bound=Followed)

_LOOK_S = 1.0
"""Pause between two looks for new files."""


class Pattern(Generic[One]):
    """Names of files that change. Files that appear later are read from their start."""

    def __init__(
        self,
        store: "Store",
        pattern: str,
        sources: Sources,
        follow: "Callable[..., One]",
        *,
        from_start: bool,
    ) -> None:
        self._store, self._pattern, self._sources, self._follow = store, pattern, sources, follow
        self._marked = sources.place_of(pattern) is not None
        self._from_start = from_start or self._marked
        """Without a place, a file is new if the pattern was followed before."""
        self.watched: dict[Path, One] = {}
        self._passed_over: set[tuple[Path, int]] = set()
        self._looked_at = 0.0
        if self._marked:
            self._follow_known()

    def found(self) -> "list[One]":
        """Return the files that are new since the last call. Raises OSError, StoreUnavailable."""
        now = time.monotonic()
        if self._looked_at and now - self._looked_at < _LOOK_S:
            return []
        found = list(self.watched.values()) if not self._looked_at else []
        for path in self._matches():
            one = self.watched[path] = self._follow(path, from_start=self._from_start)
            one.file.closes_when_idle = True
            found.append(one)
        self._looked_at, self._from_start = now, True
        return found

    def mark(self) -> None:
        """Remember that the pattern is followed, once the places of its first files are stored."""
        from tui.store import following

        if not self._marked:
            place = following.Place(0, 0, 0, "", 0)
            patiently(
                self._store.write(
                    following.take, self._sources.of(self._pattern), None, place, [], in_doubt=True
                ).result
            )
            self._marked = True

    def _follow_known(self) -> None:
        """Follow files that were renamed or compressed while `watch` was down, so the pattern misses them."""
        from tui.store import following

        prefix = self._sources.of("")
        for source in self._store.read(following.sources).result():
            path = Path(source.removeprefix(prefix))
            known = source.startswith(prefix) and fnmatch.fnmatchcase(str(path), self._pattern)
            if known and str(path) != self._pattern and not path.exists():
                one = self._follow(path, from_start=True)
                if one.file.is_found():
                    one.file.closes_when_idle = True
                    self.watched[path] = one

    def _matches(self) -> "Iterator[Path]":
        from tui.intake.rotated import is_rotated_name

        paths = [Path(name) for name in sorted(glob.glob(self._pattern))]
        for path in paths:
            if path in self.watched or not path.is_file():
                continue
            others = {other for other in (*paths, *self.watched) if other.parent == path.parent}
            if any(is_rotated_name(path.name, other.name) for other in others):
                continue  # read by the follower of the other
            key = path, path.stat().st_ino
            if key not in self._passed_over and any(one.file.owns(path) for one in self.watched.values()):
                self._passed_over.add(key)
            if key not in self._passed_over:
                yield path
