"""Every key of every screen has a visible effect.

The tests take the keys from the classes. They fail for a new key without an effect, and for a class with
keys that no place here covers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from tests.conftest import Clock, alert, open_store
from tests.screens.conftest import POLICY, Opens
from tests.screens.history import deliver, fail, reject
from tests.screens.user import User, strips_of
from tests.store.bench import Bench
from tui.screens.shared import key_table
from tui.store.engine.database import Store

LATER_MS = 10_000

ELSEWHERE = {
    "BatchesDialog": "test_alert_actions: it is there while something is done",
    "ShowText": "test_copying: where nothing could copy",
    "RoutingField": "test_setup: in the form, with something to complete",
    "DestinationPane": "test_destinations: in its list of attempts",
}


@dataclass(frozen=True)
class Place:
    """Keys that lead to where those of some classes work, with room to move either way."""

    keys: tuple[str, ...]
    classes: tuple[str, ...]
    width: int = 120
    only: str = ""
    """The id of the one binding that this place is for; empty for those without such a place."""


PLACES = (
    Place(("j", "space"), ("AlertsScreen", "AlertList")),
    Place(("slash", "up", "up", "up"), ("FilterField",)),
    Place(("enter", "tab", "right_square_bracket", "right_square_bracket"), ("LineView",)),
    Place(("enter", "j", "j"), ("AlertPane",)),
    Place(("enter", "j", "m"), ("AlertDetailsScreen",), 80),
    Place(("enter", "j", "equals_sign"), ("AttemptComparison",)),
    Place(("v",), ("PreviewScreen",)),
    Place(("r",), ("Confirm",)),
    Place(("y", "j"), ("Choose",)),
    Place(("question_mark", "j"), ("Help",)),
    Place(("semicolon",), ("Jump",)),
    Place(("2", "j"), ("DestinationList", "DestinationsScreen")),
    Place(("2", "n"), ("DestinationSetup",)),
    Place(("2", "enter"), ("DestinationsScreen",), only="destinations.close"),
    Place(("3", "k", "k"), ("LogLines", "LogScreen")),
    Place(("3", "slash"), ("LogScreen",), only="log.leave"),
    Place(("4", "j"), ("ActivityScreen", "DestinationFigures")),
    Place(("enter",), ("TocsinApp",), 80),
)


def descendants(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


SPECIAL = {place.only for place in PLACES if place.only}
CLASSES = {node.__name__: node for node in descendants(DOMNode) if node.__module__.startswith("tui.")}


def bindings(of: str) -> list[Binding]:
    return list(Binding.make_bindings(vars(CLASSES[of]).get("BINDINGS", ())))


def cases() -> Iterator[object]:
    for place in PLACES:
        for name in place.classes:
            first = {binding.id: binding for binding in reversed(bindings(name))}
            for id, binding in first.items():
                if place.only != (id if id in SPECIAL else ""):
                    continue
                yield pytest.param(place, binding.key, id=f"{name}-{id}")


def test_every_class_of_keys_has_its_place() -> None:
    placed = {name for place in PLACES for name in place.classes}
    assert {name for name in CLASSES if bindings(name)} == placed | ELSEWHERE.keys()


def test_every_class_has_its_keys_from_the_table() -> None:
    declared = sorted((bindings(name) for name in CLASSES if bindings(name)), key=str)
    in_table = sorted((list(Binding.make_bindings(place.bindings)) for place in key_table.PLACES), key=str)
    assert declared == in_table


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with three destinations, and alerts that were delivered, are retried and failed."""
    directory, clock = tmp_path_factory.mktemp("history"), Clock()
    with open_store("sqlite", directory, clock) as store:
        bench = Bench(store, clock, POLICY)
        for name in ("pager", "soc", "vault"):
            bench.add(name=name)
        for number in range(40):
            bench.receive(alert(title=f"Number {number}"))
            (deliver, fail, reject)[number % 3](bench)
        bench.receive(alert(title="Refused, then taken"))
        reject(bench)
        clock.advance(LATER_MS)
        deliver(bench)
    return (directory / "tocsin.db").read_bytes()


@pytest.fixture
def store(history: bytes, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    (tmp_path / "tocsin.db").write_bytes(history)
    clock.advance(LATER_MS)
    with open_store("sqlite", tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def lines(log: Path) -> None:
    line = "2026-01-31T09:30:00.000Z {} tui.delivery.reports: alert={} destination=soc said so\n"
    log.write_text("".join(line.format(("ERROR", "INFO")[number % 2], number) for number in range(40)))


def look(user: User) -> list[tuple[str, str]]:
    """All that is to be seen, colours too."""
    return [(segment.text, str(segment.style)) for strip in strips_of(user.app) for segment in strip]


@pytest.mark.usefixtures("lines", "clipboard")
@pytest.mark.parametrize(("place", "key"), list(cases()))
async def test_a_key_does_what_can_be_seen(viewer: Opens, place: Place, key: str) -> None:
    async with viewer((place.width, 24)) as user:
        await user.sees("Number 39")
        for step in place.keys:
            await user.press(step)
            await user.settles()
        before = look(user)
        await user.press(key)
        await user.until(lambda: has_ended(user) or look(user) != before)
        if not has_ended(user):
            await user.settles()  # so that no dialog is closed while it opens


def has_ended(user: User) -> bool:
    return not user.app.is_running or user.app._exit
