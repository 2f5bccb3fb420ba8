"""The known shapes by name: the built-in ones, and your own in a directory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from tui.domain.destination import PANTHER
from tui.domain.errors import Invalid

if TYPE_CHECKING:
    from tui.delivery.shapes.shape import Shape

_BUILT_IN = files("tui.delivery.shapes") / "built_in"
_LARGEST = 256 * 1024


@dataclass(slots=True)
class _Own:
    directory: Path | None = None


_own = _Own()


def use(directory: Path | None) -> None:
    """Take your own shapes from `directory`, which need not exist."""
    _own.directory = directory


def built_in_names() -> list[str]:
    return sorted(
        each.name.removesuffix(".toml") for each in _BUILT_IN.iterdir() if each.name.endswith(".toml")
    )


def own_names() -> list[str]:
    if _own.directory is None or not _own.directory.is_dir():
        return []
    return sorted(path.stem for path in _own.directory.glob("*.toml"))


def names() -> list[str]:
    """Return the names of all shapes: `panther`, then the others by name."""
    return [PANTHER, *sorted({*built_in_names(), *own_names()} - {PANTHER})]


def text_of(name: str) -> str:
    """Return the file of a shape. One of your own takes precedence. Raises Invalid for an unknown name."""
    if name in own_names() and _own.directory is not None:
        return read_file(_own.directory / f"{name}.toml")
    if name in built_in_names():
        return (_BUILT_IN / f"{name}.toml").read_text(encoding="utf-8")
    raise Invalid("shape", f"there is no shape {name!r}; choose from: {', '.join(names())}")


def read_file(path: Path) -> str:
    """Return the text of a shape's file. Raises Invalid."""
    try:
        if path.stat().st_size > _LARGEST:
            raise Invalid("shape", f"{path} is larger than {_LARGEST // 1024} KiB")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid("shape", f"{path} is not UTF-8") from None
    except OSError as error:
        raise Invalid("shape", f"cannot read {path}: {error.strerror or error}") from None


def find(name: str) -> "Shape":
    """Return a shape other than `panther`. Raises Invalid if there is none, or if it has a mistake."""
    found = _load(name, _stamp(name))
    if isinstance(found, Invalid):
        raise found
    return found


def check(name: str) -> str:
    """Return the name of a usable shape. Raises Invalid."""
    name = name.strip().lower() or PANTHER
    if name != PANTHER:
        find(name)
    return name


def check_headers(name: str, headers: Iterable[str]) -> None:
    """Raise Invalid if the shape needs a header that is not among `headers`."""
    if name == PANTHER:
        return
    given = {header.lower() for header in headers}
    for header in find(name).secrets.values():
        if header.lower() not in given:
            raise Invalid(
                "shape", f"the shape {name} needs the header {header}; its value goes into the body"
            )


def proposal(url: str) -> str:
    """Return the name of the shape for a vendor's URL; empty if the vendor is not known."""
    return next((name for name, suits in _known_urls() if suits(url)), "")


def _stamp(name: str) -> int:
    """Return what changes when the file of an own shape changes; 0 for a built-in one."""
    if _own.directory is None:
        return 0
    try:
        return (_own.directory / f"{name}.toml").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _load(name: str, _changed: int) -> "Shape | Invalid":
    from tui.delivery.shapes.shape import Shape

    try:
        return Shape(name, text_of(name))
    except Invalid as error:
        return error


@lru_cache(maxsize=1)
def _known_urls() -> tuple[tuple[str, Callable[[str], bool]], ...]:
    return tuple(_patterns())


def _patterns() -> Iterator[tuple[str, Callable[[str], bool]]]:
    import tomllib
    from fnmatch import fnmatchcase

    def matcher(patterns: list[str]) -> Callable[[str], bool]:
        return lambda url: any(fnmatchcase(url.partition("?")[0].lower(), p) for p in patterns)

    for name in built_in_names():
        patterns = tomllib.loads(text_of(name)).get("urls", [])
        if patterns:
            yield name, matcher(patterns)
