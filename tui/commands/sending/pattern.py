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
_OTHERS_GO_ON_NS = 3600 * 10**9
"""A file that was read to its end is complete if another file was written this much later."""


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
        self._missing: dict[Path, One] = {}
        """Known files that were not found at the start. They are reported, and read if they come back."""
        self._passed_over: set[tuple[Path, int]] = set()
        self._looked_at = 0.0
        if self._marked:
            self._follow_known()

    def found(self) -> "list[One]":
        """Return the files that are new since the last call. Raises OSError, StoreUnavailable."""
        now = time.monotonic()
        if self._looked_at and now - self._looked_at < _LOOK_S:
            return []
        found = [] if self._looked_at else [*self.watched.values(), *self._missing.values()]
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
        """Follow files that are missing now: renamed or compressed while `watch` was down, or removed."""
        from tui.store import following

        known: dict[Path, following.Place] = {}
        prefix = self._sources.of("")
        for source, place in self._store.read(following.places).result():
            path = source.removeprefix(prefix)
            if (
                source.startswith(prefix)
                and path != self._pattern
                and fnmatch.fnmatchcase(path, self._pattern)
            ):
                known[Path(path)] = place
        latest = max((place.modified for place in known.values()), default=0)
        for path, place in known.items():
            if place.gone or path.exists():
                continue
            one = self._follow(path, from_start=True)
            one.file.closes_when_idle = True
            if one.file.is_found():
                self.watched[path] = one
            else:
                one.file.was_complete = (
                    place.size <= place.position and latest - place.modified > _OTHERS_GO_ON_NS
                )
                self._missing[path] = one

    def _matches(self) -> "Iterator[Path]":
        from tui.intake.rotated import is_rotated_name

        paths = [Path(name) for name in sorted(glob.glob(self._pattern))]
        for path in paths:
            if path in self.watched or path in self._missing or not path.is_file():
                continue
            others = {other for other in (*paths, *self.watched) if other.parent == path.parent}
            if any(is_rotated_name(path.name, other.name) for other in others):
                continue  # read by the follower of the other
            key = path, path.stat().st_ino
            followed = (*self.watched.values(), *self._missing.values())
            if key not in self._passed_over and any(one.file.owns(path) for one in followed):
                self._passed_over.add(key)
            if key not in self._passed_over:
                yield path
