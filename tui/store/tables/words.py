"""The index of words: what `tui.domain.search` says an alert is found by, on each engine.

On both a table `alert_words` with a row an alert, its `rowid` the alert's key. SQLite's is a
full-text table that keeps no text, only where each word is found; PostgreSQL's holds a tsvector.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Iterable, Sequence

import peewee

from tui.domain.filter import Key, Term
from tui.domain.search import alert_words, tag_word, words_of
from tui.store.tables.rows import AMONG, among, fetch, insert_quietly

# The tokenizer called ascii ends a word at ASCII's spaces and signs only, and in our words are none.
CREATE_ON_SQLITE = ("CREATE VIRTUAL TABLE alert_words USING fts5(words, content = '', tokenize = 'ascii')",)
CREATE_ON_POSTGRES = (
    "CREATE TABLE alert_words (rowid bigint PRIMARY KEY REFERENCES alert ON DELETE CASCADE,"
    " words tsvector NOT NULL)",
    "CREATE INDEX alert_words_words ON alert_words USING gin (words)",
)


def is_postgres(db: peewee.Database) -> bool:
    return isinstance(db, peewee.PostgresqlDatabase)


def index_words(db: peewee.Database, alerts: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Make alerts, by their keys, be found by these words."""
    written = _vector if is_postgres(db) else " ".join
    rows = [(key, written(words)) for key, words in alerts]
    insert_quietly(db, "alert_words", ["rowid", "words"], rows)


def forget_words(db: peewee.Database, keys: Sequence[int]) -> None:
    """Take alerts, which are still there, out of the index. On PostgreSQL they go with their alerts."""
    if is_postgres(db):
        return
    # An index without the texts is told what to forget, and believes it: these are the words that were
    # indexed, as long as `alert_words` cuts as it did then. Where that changes, a migration has to
    # build the index anew.
    query = (
        "SELECT id, title, name, rule_id, alert_id, tags FROM alert"
        f" WHERE id {AMONG} AND id IN (SELECT rowid FROM alert_words WHERE rowid {AMONG})"
    )
    for key, *texts, tags in fetch(db, query, (among(keys), among(keys))):
        words = " ".join(alert_words(texts, json.loads(tags)))
        db.execute_sql(
            "INSERT INTO alert_words (alert_words, rowid, words) VALUES ('delete', ?, ?)", (key, words)
        )


def _vector(words: Sequence[str]) -> str:
    """A tsvector as text."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words, 1))


def contains(db: peewee.Database, terms: Iterable[Term]) -> tuple[str, str]:
    """A condition on `alert_words` and its one value: it holds every word or tag the terms ask for."""
    postgres = is_postgres(db)
    phrase = _phrase_for_postgres if postgres else _phrase_for_sqlite
    every, some = (" & ", " | ") if postgres else (" AND ", " OR ")
    wanted = every.join(f"({some.join(phrase(term.key, value) for value in term.values)})" for term in terms)
    return ("alert_words.words @@ ?::tsquery" if postgres else "alert_words.words MATCH ?"), wanted


# The words stand side by side, and the last may go on: `203.0.1` finds 203.0.113.9. A tag is a tag.


def _phrase_for_sqlite(key: Key, value: str) -> str:
    return f'"{tag_word(value)}"' if key is Key.TAG else f'"{" ".join(words_of(value))}" *'


def _phrase_for_postgres(key: Key, value: str) -> str:
    if key is Key.TAG:
        return f"'{tag_word(value)}'"
    return " <-> ".join(f"'{word}'" for word in words_of(value)) + ":*"
