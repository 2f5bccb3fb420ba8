"""How far files that are followed have been read, kept in the transaction that stores what was read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import peewee

from tui.domain.alert import Alert
from tui.domain.errors import Invalid, Refused
from tui.store.database import Transaction
from tui.store.outbox.submit import Receipt, submit
from tui.store.rows import fetch


@dataclass(frozen=True, slots=True)
class Place:
    """A place in one file, whatever it is called by now."""

    device: int
    inode: int
    position: int
    """Bytes from the start; everything before it is stored."""
    head: str
    """SHA-256 of its first `head_size` bytes: an inode alone is soon given to another file."""
    head_size: int


_COLUMNS = "device, inode, position, head, head_size"


def place_of(db: peewee.Database, source: str) -> Place | None:
    """Where the file known as `source` has been read to; None if it has never been followed."""
    rows = fetch(db, f"SELECT {_COLUMNS} FROM followed_file WHERE source = ?", (source,))
    return Place(*rows[0]) if rows else None


def take(
    tx: Transaction,
    source: str,
    before: Place | None,
    after: Place,
    alerts: Sequence[Alert],
    by_id: Collection[str] = (),
    *,
    in_doubt: bool = False,
    instead: Callable[[Mapping[int, Invalid]], Sequence[Alert]] = lambda _: (),
) -> list[Receipt | Invalid]:
    """Store the alerts between two places of a file, and the second place: both or neither.

    So no line is lost or stored twice, whatever happens between two calls. Raises Refused when the
    file is no longer at `before`: somebody else follows it. `by_id` as for `submit`. With `in_doubt` the
    same was tried before, and the word of its commit may have been lost: what is stored is told again.
    `instead` makes the alerts that are stored in place of those that are refused, given by their index.
    """
    if not (in_doubt and place_of(tx.db, source) == after):
        _move(tx, source, before, after)
    answers = submit(tx, alerts, by_id)
    refused = {place: answer for place, answer in enumerate(answers) if isinstance(answer, Invalid)}
    if refused:
        submit(tx, instead(refused))
    return answers


def _move(tx: Transaction, source: str, before: Place | None, after: Place) -> None:
    values = (after.device, after.inode, after.position, after.head, after.head_size, source)
    if before is None:
        query = (
            f"INSERT INTO followed_file ({_COLUMNS}, source) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (source) DO NOTHING RETURNING id"
        )
        moved = fetch(tx.db, query, values)
    else:
        query = (
            "UPDATE followed_file SET device = ?, inode = ?, position = ?, head = ?, head_size = ?"
            " WHERE source = ? AND inode = ? AND position = ? RETURNING id"
        )
        moved = fetch(tx.db, query, (*values, before.inode, before.position))
    if not moved:
        raise Refused(f"another `tocsin watch` follows {source}")
