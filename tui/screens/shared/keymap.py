"""The check of `[keys]` in the configuration, which gives actions other keys by their ids."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from textual.keys import Keys, key_to_character

from tui.domain.errors import Invalid
from tui.screens.shared.bindings import Key
from tui.screens.shared.key_table import APP, PLACES

_MODIFIERS = ("ctrl", "shift", "alt", "meta", "super", "hyper")


def check_keymap(chosen: Mapping[str, str]) -> None:
    """Check the keys that the configuration gives to action ids.

    Raises Invalid if an id or a key does not exist, or if a key would start two actions.
    """
    known = sorted({key.id for place in PLACES for key in place.keys})
    for id, keys in chosen.items():
        if id not in known:
            raise Invalid("keys", f"there is no action {id!r}{_like(id, known)}")
        for key in keys.split(","):
            _check_key(id, key.strip())
    for place in PLACES:
        _check_clashes(place.keys if place is APP else (*place.keys, *APP.keys), chosen)


def _check_key(id: str, key: str) -> None:
    *modifiers, base = key.rsplit("+", 1) if len(key) > 1 else [key]
    names = sorted(member.value for member in Keys)
    held = modifiers[0].split("+") if modifiers else []
    known = len(base) == 1 or base in names or key in names or key_to_character(base) is not None
    if not known or any(modifier not in _MODIFIERS for modifier in held):
        raise Invalid("keys", f"{id}: there is no key {key!r}{_like(key, names)}")


def _check_clashes(active: Sequence[Key], chosen: Mapping[str, str]) -> None:
    """Check the keys that can be active at the same time.

    Only keys that are new to an action count: some defaults mean something else in a dialog on purpose.
    """
    defaults: dict[str, set[str]] = {}
    for key in active:
        defaults.setdefault(key.id, set()).update(_written(name) for name in key.keys.split(","))
    takers: dict[str, str] = {}
    for id in sorted(defaults, key=chosen.__contains__):  # actions on their default keys first
        keys = {_written(name.strip()) for name in chosen[id].split(",")} if id in chosen else defaults[id]
        for key in keys:
            other = takers.setdefault(key, id)
            if other != id and key not in defaults[id]:
                raise Invalid(
                    "keys", f"{id} cannot be {key!r}: {other} has that key. Give {other} another key, too"
                )


def _written(key: str) -> str:
    return key_to_character(key) or key


def _like(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""
