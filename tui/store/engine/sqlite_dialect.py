"""SQLite's SQL, where it differs from PostgreSQL's."""

import sqlite3
import string
import sys
from collections.abc import Iterable, Sequence
from typing import Any, cast

import peewee

from tui.domain.filter import Term
from tui.domain.matching import Phrase, found_by
from tui.domain.search import failure_words
from tui.store.errors import CannotOpen
from tui.store.tables.rows import ALERT_COLUMNS, AMONG, among, execute, fetch, to_alert
from tui.store.tables.words import FAILURE_COLUMNS, joined

_PUNCTUATION = string.punctuation.replace("'", "''" * 2)
"""For a quoted text within a quoted text."""


class SqliteDialect:
    """Implements `Dialect`."""

    # A full-text table that keeps no text, only where each word is found. The tokenizer `ascii` splits only
    # at ASCII spaces and punctuation, which our words do not contain.
    baseline = ("CREATE VIRTUAL TABLE alert_words USING fts5(words, content = '', tokenize = 'ascii')",)
    # Whole words, such as tags, may contain punctuation.
    word_index = (
        "DROP TABLE alert_words",
        "CREATE VIRTUAL TABLE alert_words USING fts5(words, content = '',"
        f" tokenize = 'ascii tokenchars ''{_PUNCTUATION}''')",
    )
    failure_index = (
        "CREATE VIRTUAL TABLE attempt_words USING fts5(words, content = '', tokenize = 'ascii')",
    )
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

    def contains(self, terms: Iterable[Term], table: str = "alert_words") -> tuple[str, str]:
        return f"{table}.words MATCH ?", joined(terms, _written, every=" AND ", some=" OR ", but_not=" NOT ")

    def forget_words(self, db: peewee.Database, keys: Sequence[int]) -> None:
        # An index without the texts has to be given the words to forget, and does not check them. These are
        # the words that were indexed as long as `found_by` splits texts as it did then: a change to it needs
        # a migration that builds the index again.
        query = (
            f"SELECT {ALERT_COLUMNS} FROM alert"
            f" WHERE id {AMONG} AND id IN (SELECT rowid FROM alert_words WHERE rowid {AMONG})"
        )
        for row in fetch(db, query, (among(keys), among(keys))):
            words = self.words_value(found_by(to_alert(row)))
            delete = "INSERT INTO alert_words (alert_words, rowid, words) VALUES ('delete', ?, ?)"
            execute(db, delete, (row[0], words))

    def forget_failures(self, db: peewee.Database, keys: Sequence[int]) -> None:
        query = (
            f"SELECT {FAILURE_COLUMNS} FROM attempt JOIN delivery ON delivery.id = attempt.delivery_id"
            f" WHERE delivery.alert_id {AMONG} AND EXISTS"
            " (SELECT 1 FROM attempt_words WHERE attempt_words.rowid = attempt.id)"
        )
        for id, *texts in fetch(db, query, (among(keys),)):
            words = self.words_value(failure_words(*texts))
            delete = "INSERT INTO attempt_words (attempt_words, rowid, words) VALUES ('delete', ?, ?)"
            execute(db, delete, (id, words))

    def replace_check(self, db: peewee.Database, table: str, old: str, new: str) -> None:
        # SQLite cannot alter a check. Copying the table would take minutes for a million alerts, and dropping
        # the old one would delete every row that refers to it. Its documentation gives this procedure for a
        # change that all rows satisfy: https://sqlite.org/lang_altertable.html (section 7).
        if sys.version_info >= (3, 12):
            connection = cast("sqlite3.Connection", db.connection())  # pyright: ignore[reportUnknownMemberType]
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, False)  # noqa: FBT003 - Apple enables it
        [(version,)] = fetch(db, "PRAGMA schema_version")
        execute(db, "PRAGMA writable_schema = ON")
        query = (
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?)"
            " WHERE type = 'table' AND name = ? AND instr(sql, ?) > 0"
        )
        before, after = f"CHECK ({old})", f"CHECK ({new})"
        changed = execute(db, query, (before, after, table, before))
        execute(db, f"PRAGMA schema_version = {version + 1}")
        execute(db, "PRAGMA writable_schema = RESET")
        if changed != 1:
            raise CannotOpen(f"the table {table} of the database lacks {before}; restore a backup")


def _written(phrase: Phrase) -> str:
    quoted = " ".join(phrase.words).replace('"', '""')
    return f'"{quoted}" *' if phrase.begins else f'"{quoted}"'
