"""SQLite's SQL, where it differs from PostgreSQL's."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import peewee

from tui.domain.filter import Key, Term
from tui.domain.search import alert_words, tag_word, words_of
from tui.store.tables.rows import AMONG, among, execute, fetch
from tui.store.tables.words import joined


class SqliteDialect:
    """Implements `Dialect`."""

    # A full-text table that keeps no text, only where each word is found. The tokenizer `ascii` splits only
    # at ASCII spaces and punctuation, which our words do not contain.
    baseline = ("CREATE VIRTUAL TABLE alert_words USING fts5(words, content = '', tokenize = 'ascii')",)
    index_hints = True

    def lock_rows(self, select: str, *, skip_locked: bool = False) -> str:  # noqa: ARG002
        return select  # BEGIN IMMEDIATE holds the only write lock there is

    def lock(
        self, db: peewee.Database, select: str, values: Sequence[Any] = (), *, references: bool = False
    ) -> None:
        pass  # likewise

    def using(self, table: str, index: str) -> str:
        return f"{table} INDEXED BY {index}"

    def words_value(self, words: Sequence[str]) -> str:
        return " ".join(words)

    def contains(self, terms: Iterable[Term]) -> tuple[str, str]:
        return "alert_words.words MATCH ?", joined(terms, _phrase, every=" AND ", some=" OR ")

    def forget_words(self, db: peewee.Database, keys: Sequence[int]) -> None:
        # An index without the texts has to be given the words to forget, and does not check them. These are
        # the words that were indexed as long as `alert_words` splits texts as it did then: a change to
        # `alert_words` needs a migration that builds the index again.
        query = (
            "SELECT id, title, name, rule_id, alert_id, tags FROM alert"
            f" WHERE id {AMONG} AND id IN (SELECT rowid FROM alert_words WHERE rowid {AMONG})"
        )
        for key, *texts, tags in fetch(db, query, (among(keys), among(keys))):
            words = " ".join(alert_words(texts, json.loads(tags)))
            delete = "INSERT INTO alert_words (alert_words, rowid, words) VALUES ('delete', ?, ?)"
            execute(db, delete, (key, words))


def _phrase(key: Key, value: str) -> str:
    """The words stand side by side and the last may be the start of one. A tag matches as a whole."""
    return f'"{tag_word(value)}"' if key is Key.TAG else f'"{" ".join(words_of(value))}" *'
