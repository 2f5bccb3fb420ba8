"""The word index: the words that `tui.domain.search` finds an alert by.

The table `alert_words` has a row per alert; its `rowid` is the alert's key. `Dialect` says how each engine
stores and searches the words.
"""

from collections.abc import Callable, Iterable, Sequence

import peewee

from tui.domain.filter import Key, Term
from tui.store.tables.dialect import dialect_of
from tui.store.tables.rows import insert_quietly


def index_words(db: peewee.Database, alerts: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Add alerts to the index. Each is given as its key and its words, in order."""
    written = dialect_of(db).words_value
    insert_quietly(db, "alert_words", ["rowid", "words"], [(key, written(words)) for key, words in alerts])


def joined(terms: Iterable[Term], phrase: Callable[[Key, str], str], *, every: str, some: str) -> str:
    """Return a search text that asks for every term, and of each term for one of its values."""
    return every.join(f"({some.join(phrase(term.key, value) for value in term.values)})" for term in terms)
