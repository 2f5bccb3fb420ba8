"""Store how far followed files were read, in the same transaction as the alerts read from them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass

import peewee

from tui.domain.alert import Alert
from tui.domain.errors import Invalid, Refused
from tui.domain.repeats import DEFAULT_REVIVE_MS
from tui.store.engine.database import Transaction
from tui.store.outbox.stored import Receipt
from tui.store.outbox.submit import submit, submit_report
from tui.store.tables.rows import ALERT_COLUMNS, fetch, to_alert


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file, which may have been renamed since."""

    device: int
    inode: int
    position: int
    """Offset in bytes; everything before it is stored."""
    head: str
    """SHA-256 of the first `head_size` bytes: an inode alone is soon reused for another file."""
    head_size: int
    modified: int = 0
    """The file's mtime (ns) when it was read: unread rotated files are newer. 0 if unknown."""
    size: int = 0
    """The file's size when it was read."""
    gone: bool = False
    """The file was removed, and whatever was not read of it is reported."""
    report: str | None = None
    """Id of the last alert about lines that could not be read."""


_COLUMNS = "device, inode, position, head, head_size, modified, size, gone, report"


def place_of(db: peewee.Database, source: str) -> Place | None:
    """Return how far the file known as `source` was read; None if it was never followed."""
    rows = fetch(db, f"SELECT {_COLUMNS} FROM followed_file WHERE source = ?", (source,))
    return Place(*rows[0]) if rows else None


def places(db: peewee.Database) -> list[tuple[str, Place]]:
    """Return every source with its place."""
    rows = fetch(db, f"SELECT source, {_COLUMNS} FROM followed_file ORDER BY id")
    return [(source, Place(*row)) for source, *row in rows]


def places_elsewhere(db: peewee.Database, path: str) -> list[Place]:
    """Return the places of files with this path under any source name, the latest first.

    Older versions used the host name as source name.
    """
    ending = f":{path}"
    rows = fetch(
        db,
        f"SELECT {_COLUMNS} FROM followed_file WHERE source = ? OR substr(source, length(source) - ? + 1) = ?"
        " ORDER BY id DESC",
        (path, len(ending), ending),
    )
    return [Place(*row) for row in rows]


def take(
    tx: Transaction,
    source: str,
    before: Place | None,
    after: Place,
    alerts: Sequence[Alert],
    by_id: Collection[str] = (),
    reports: Sequence[Alert] = (),
    *,
    in_doubt: bool = False,
    instead: Callable[[Mapping[int, Invalid]], Sequence[Alert]] = lambda _: (),
    revive_after_ms: int | None = DEFAULT_REVIVE_MS,
) -> list[Receipt | Invalid]:
    """Store the alerts between two places of a file together with the second place, or neither.

    So no line is lost or stored twice, whatever happens between two calls. `by_id` and `revive_after_ms`
    are those of `submit`. `reports` are alerts of our own about the file; one that is stored already gets
    the new content. With `in_doubt`, the same call may already have been committed with its answer
    lost; the receipts are returned again. `instead` makes the reports to store in place of the alerts that
    are refused, given by their index, where reports come after alerts. Returns the answers to alerts and
    reports. Raises Refused if the stored place is not `before`: another process follows the file.
    """
    if not (in_doubt and place_of(tx.db, source) == after):
        _move(tx, source, before, after)
    answers = submit(tx, alerts, by_id, revive_after_ms=revive_after_ms)
    answers += [submit_report(tx, report, revive_after_ms=revive_after_ms) for report in reports]
    refused = {place: answer for place, answer in enumerate(answers) if isinstance(answer, Invalid)}
    if refused:
        for report in instead(refused):
            submit_report(tx, report, revive_after_ms=revive_after_ms)
    return answers


def last_report(db: peewee.Database, place: Place) -> Alert | None:
    """Return the last report about lines before `place`; None if there was none or it was deleted."""
    rows = fetch(db, f"SELECT {ALERT_COLUMNS} FROM alert WHERE alert_id = ?", (place.report,))
    return to_alert(rows[0]) if rows else None


def _move(tx: Transaction, source: str, before: Place | None, after: Place) -> None:
    values = (*astuple(after), source)
    if before is None:
        query = (
            f"INSERT INTO followed_file ({_COLUMNS}, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (source) DO NOTHING RETURNING id"
        )
        moved = fetch(tx.db, query, values)
    else:
        query = (
            f"UPDATE followed_file SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " WHERE source = ? AND inode = ? AND position = ? RETURNING id"
        )
        moved = fetch(tx.db, query, (*values, before.inode, before.position))
    if not moved:
        raise Refused(f"another `tocsin watch` already follows {source}")
