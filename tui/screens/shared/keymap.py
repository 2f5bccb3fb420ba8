"""The keys a person has chosen: every action has an id, and any may be put on other keys."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, key_to_character

from tui.domain.errors import Invalid

_MODIFIERS = ("ctrl", "shift", "alt", "meta", "super", "hyper")


def check_keymap(chosen: Mapping[str, str]) -> None:
    """Raises Invalid naming what there is no action or no key for, and a key that would do two things."""
    known = {binding.id for bindings in _bound() for binding in bindings if binding.id}
    for id, keys in chosen.items():
        if id not in known:
            raise Invalid("keys", f"there is no action {id!r}{_like(id, sorted(known))}")
        for key in keys.split(","):
            _check_key(id, key.strip())
    for bindings in _bound():
        _check_clashes(bindings, chosen)


def _bound() -> list[list[Binding]]:
    """The bindings that may be active at once: each screen's or widget's own, with the app's."""
    nodes = [node for node in _descendants(DOMNode) if node.__module__.startswith("tui.")]
    own = {node.__name__: list(Binding.make_bindings(vars(node).get("BINDINGS", ()))) for node in nodes}
    everywhere = own.pop("TocsinApp", [])
    return [bindings + everywhere for bindings in own.values() if bindings]


def _descendants(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def _check_key(id: str, key: str) -> None:
    *modifiers, base = key.rsplit("+", 1) if len(key) > 1 else [key]
    names = sorted(member.value for member in Keys)
    held = modifiers[0].split("+") if modifiers else []
    known = len(base) == 1 or base in names or key in names or key_to_character(base) is not None
    if not known or any(modifier not in _MODIFIERS for modifier in held):
        raise Invalid("keys", f"{id}: there is no key {key!r}{_like(key, names)}")


def _check_clashes(bindings: list[Binding], chosen: Mapping[str, str]) -> None:
    """Only for keys that are new to an action: some of ours mean another thing in a dialog, and may."""
    ours: dict[str, set[str]] = {}
    for binding in bindings:
        ours.setdefault(binding.id or "", set()).add(_written(binding.key))
    takers: dict[str, str] = {}
    for id in sorted(ours, key=chosen.__contains__):  # those that were not chosen come first
        keys = {_written(key.strip()) for key in chosen[id].split(",")} if id in chosen else ours[id]
        for key in keys:
            other = takers.setdefault(key, id)
            if other != id and key not in ours[id]:
                raise Invalid("keys", f"{id} cannot be {key!r}: that is {other}; give it another key, too")


def _written(key: str) -> str:
    return key_to_character(key) or key


def _like(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""
