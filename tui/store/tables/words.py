"""The word index: the words that `tui.domain.search` finds an alert by.

The table `alert_words` has a row per alert; its `rowid` is the alert's key. `Dialect` says how each engine
stores and searches the words.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import peewee

from tui.domain.filter import Term
from tui.domain.matching import Phrase, found_by, phrases
from tui.domain.search import failure_words
from tui.store.tables.dialect import dialect_of
from tui.store.tables.rows import ALERT_COLUMNS, execute, fetch, insert_quietly, to_alert

FAILURE_COLUMNS = "attempt.id, attempt.error, attempt.reason, attempt.response_body"
"""What `failure_words` needs of an attempt, after its key."""
_AT_A_TIME = 500


def index_words(db: peewee.Database, alerts: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Add alerts to the index. Each is given as its key and its words, in order."""
    written = dialect_of(db).words_value
    insert_quietly(db, "alert_words", ["rowid", "words"], [(key, written(words)) for key, words in alerts])


def rebuild_words(db: peewee.Database, *, without: Collection[str] = ()) -> None:
    """Make the index again from the alerts. Takes about two minutes for a million of them.

    `without` are columns that an older table of alerts does not have.
    """
    for statement in dialect_of(db).word_index:
        execute(db, statement)
    columns = ", ".join("NULL" if name in without else name for name in ALERT_COLUMNS.split(", "))
    query = f"SELECT {columns} FROM alert WHERE id > ? ORDER BY id LIMIT {_AT_A_TIME}"
    last = 0
    while rows := fetch(db, query, (last,)):
        index_words(db, [(row[0], found_by(to_alert(row))) for row in rows])
        last = rows[-1][0]


def index_failures(db: peewee.Database, attempts: Iterable[tuple[Any, ...]]) -> None:
    """Add failed attempts, given as `FAILURE_COLUMNS`, to the index of the words of failures."""
    written = dialect_of(db).words_value
    found = [(id, failure_words(*texts)) for id, *texts in attempts]
    rows = [(id, written(words)) for id, words in found if words]
    insert_quietly(db, "attempt_words", ["rowid", "words"], rows)


def index_old_failures(db: peewee.Database) -> None:
    """Add all attempts that failed, for the migration that makes the index.

    Without abandoned ones, which claims do not index either: no receiver's answer is known.
    """
    query = (
        f"SELECT {FAILURE_COLUMNS} FROM attempt WHERE id > ? AND outcome NOT IN ('delivered', 'abandoned')"
        f" ORDER BY id LIMIT {_AT_A_TIME}"
    )
    last = 0
    while rows := fetch(db, query, (last,)):
        index_failures(db, rows)
        last = rows[-1][0]


def joined(
    terms: Iterable[Term], written: Callable[[Phrase], str], *, every: str, some: str, but_not: str
) -> str:
    """Return a search text that asks for every term, and of each term for one of its phrases.

    At least one term is not negated.
    """
    asked: dict[bool, list[str]] = {False: [], True: []}
    for term in terms:
        asked[term.negated].append(f"({some.join(map(written, phrases(term)))})")
    return "".join((f"({every.join(asked[False])})", *(f"{but_not}{text}" for text in asked[True])))
