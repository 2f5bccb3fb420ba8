"""Adding, editing, pausing and deleting destinations: one transaction each."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import logging
from collections.abc import Collection, Generator
from dataclasses import replace
from typing import Any

import peewee

from tui.domain import rotation
from tui.domain.destination import SETTINGS, Destination, rebase
from tui.domain.errors import Invalid, Refused
from tui.domain.lifecycle import State
from tui.domain.tls import UNVERIFIED, UNVERIFIED_MEANS
from tui.store.engine.database import Transaction
from tui.store.tables import models
from tui.store.tables.rows import DESTINATION_COLUMNS, fetch, from_destination, to_destination

log = logging.getLogger(__name__)


_NOT_HELD = {"held_until": 0, "holds": 0, "slowed_to": None, "hold_changed_at": 0}


class Deleted(Refused):
    """The destination has been deleted."""

    def __init__(self) -> None:
        super().__init__("this destination has been deleted")


class Clash(Refused):
    """Someone else changed the same settings of a destination in the meantime."""

    def __init__(self, stored: Destination, settings: Collection[str]) -> None:
        changed = ", ".join(words for name, words in SETTINGS.items() if name in settings)
        super().__init__(f"someone else changed this destination in the meantime: {changed}")
        self.stored, self.settings = stored, settings


def all_destinations(db: peewee.Database) -> list[Destination]:
    """Return the destinations that are not deleted, by name."""
    sql = f"SELECT {DESTINATION_COLUMNS} FROM destination WHERE deleted_at IS NULL ORDER BY name_folded"
    return [to_destination(row) for row in fetch(db, sql)]


def every_destination(db: peewee.Database) -> list[Destination]:
    """Return all destinations by name, deleted ones last: their alerts' history is kept."""
    sql = f"SELECT {DESTINATION_COLUMNS} FROM destination ORDER BY deleted_at IS NOT NULL, name_folded, id"
    return [to_destination(row) for row in fetch(db, sql)]


def find(db: peewee.Database, destination_id: int) -> Destination | None:
    """Return a destination by id; None if it has been deleted."""
    sql = f"SELECT {DESTINATION_COLUMNS} FROM destination WHERE id = ? AND deleted_at IS NULL"
    return next((to_destination(row) for row in fetch(db, sql, (destination_id,))), None)


def add(tx: Transaction, destination: Destination) -> Destination:
    """Store a new destination and return it with its id. Raises Invalid (`name`) if the name is taken."""
    columns = from_destination(destination)
    _check_name_is_free(tx, columns["name_folded"], except_id=0)
    with _refuse_a_taken_name(destination):
        key = models.Destination.insert(**columns, created_at=tx.now).execute(tx.db)
    _warn(destination)
    return replace(destination, id=key)


def edit(
    tx: Transaction,
    destination: Destination,
    *,
    seen: Destination | None = None,
    overlap_ms: int | None = None,
) -> Destination:
    """Replace the settings of `destination.id` and return what is stored. The next attempt uses them.

    `paused` is not changed: someone else may have paused the destination since it was read. With `seen`, the
    settings that the editor was shown, only the differences are stored. With `overlap_ms`, the signing secret
    is rotated: for that long, the old one signs too. Raises Clash if someone else changed the same settings
    in the meantime, Invalid (`name`) if the name is taken, Deleted if the destination was deleted.
    """
    stored = _hold(tx, destination.id)
    destination, clashes = rebase(destination, seen or stored, stored)
    if clashes:
        raise Clash(stored, clashes)
    destination = replace(destination, old_secret=_old_secret(tx, destination, stored, overlap_ms))
    columns = from_destination(destination)
    del columns["paused"]
    _check_name_is_free(tx, columns["name_folded"], except_id=destination.id)
    if destination.url != stored.url:  # the health of the old URL does not apply to the new one
        columns |= {"failures": 0, "exhausted": 0, "failing_since": None, **_NOT_HELD}
    with _refuse_a_taken_name(destination):
        _update(tx, destination.id, columns)
    _warn(destination)
    return destination


def set_paused(tx: Transaction, destination_id: int, *, paused: bool) -> None:
    """Pause or resume a destination. While it is paused, deliveries are queued. Raises Deleted."""
    _update(tx, destination_id, {"paused": paused})


def delete(tx: Transaction, destination_id: int) -> int:
    """Delete a destination: cancel its pending deliveries, keep its history, free its name.

    Returns the number of cancelled deliveries. Raises Deleted.
    """
    _update(tx, destination_id, {"deleted_at": tx.now, **_NOT_HELD})
    return (
        models.Delivery.update(state=State.CANCELLED.value, due_at=None)
        .where(models.Delivery.destination == destination_id, models.Delivery.state == State.SCHEDULED.value)
        .execute(tx.db)
    )


def _warn(destination: Destination) -> None:
    if not destination.tls.verify:
        log.warning("%s: %s, %s", destination.name, UNVERIFIED, UNVERIFIED_MEANS)


def _old_secret(
    tx: Transaction, wanted: Destination, stored: Destination, overlap_ms: int | None
) -> rotation.OldSecret | None:
    """Return the old secret that still signs; None once its time is over."""
    old = wanted.old_secret
    if overlap_ms is not None:
        return rotation.retire(stored.secret, wanted.secret, old, overlap_ms=overlap_ms, now=tx.now)
    return old if old and old.signs_at(tx.now) and wanted.secret else None


def _hold(tx: Transaction, destination_id: int) -> Destination:
    """Return the stored destination, locked until the transaction ends. Raises Deleted."""
    sql = f"SELECT {DESTINATION_COLUMNS} FROM destination WHERE id = ? AND deleted_at IS NULL"
    for row in fetch(tx.db, tx.lock_rows(sql), (destination_id,)):
        return to_destination(row)
    raise Deleted


def _update(tx: Transaction, destination_id: int, columns: dict[str, Any]) -> None:
    changed = (
        models.Destination.update(**columns)
        .where(models.Destination.id == destination_id, models.Destination.deleted_at.is_null())
        .execute(tx.db)
    )
    if not changed:
        raise Deleted


def _check_name_is_free(tx: Transaction, folded: str, *, except_id: int) -> None:
    taken = (
        models.Destination.select(models.Destination.name)
        .where(
            models.Destination.name_folded == folded,
            models.Destination.deleted_at.is_null(),
            models.Destination.id != except_id,
        )
        .tuples()
        .execute(tx.db)
    )
    for (name,) in taken:
        raise _taken(name)


@contextlib.contextmanager
def _refuse_a_taken_name(destination: Destination) -> Generator[None]:
    """Turn a violation of the unique index into Invalid: another transaction just took the name."""
    try:
        yield
    except peewee.IntegrityError:
        raise _taken(destination.name) from None


def _taken(name: str) -> Invalid:
    return Invalid("name", f"there is already a destination called {name!r}; choose another name")
