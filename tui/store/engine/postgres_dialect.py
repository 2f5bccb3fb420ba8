"""PostgreSQL's SQL, where it differs from SQLite's."""

from collections.abc import Iterable, Sequence
from typing import Any

import peewee

from tui.domain.filter import Term
from tui.domain.matching import Phrase
from tui.store.errors import CannotOpen
from tui.store.tables.rows import AMONG, among, execute, fetch
from tui.store.tables.words import joined

CHANNEL = "tocsin"
"""The channel that the schema's triggers notify when rows change."""

_NOTIFYING = ("alert", "destination", "delivery", "attempt", "token")


class PostgresDialect:
    """Implements `Dialect`."""

    baseline = (
        # Alert ids in the order of their bytes, as on SQLite: the start of an id is looked up as a range of
        # the index, and in the order of a language that is another range.
        'ALTER TABLE alert ALTER COLUMN alert_id TYPE text COLLATE "C"',
        # A delivery's row is rewritten at every step. With room left in its page the new version lies beside
        # the old one (HOT) unless an indexed column changed. Vacuum runs after a number of changed rows, not
        # after a fifth of the table: at a million rows that would be never, while the index that claims read
        # fills with dead entries. An attempt's row is rewritten once.
        "ALTER TABLE delivery SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0,"
        " autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)",
        "ALTER TABLE attempt SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)",
        # Triggers in the database see every writer. PostgreSQL sends one notification per transaction,
        # however many statements asked for it.
        "\nCREATE FUNCTION tocsin_notify() RETURNS trigger LANGUAGE plpgsql AS\n"
        f"$$ BEGIN PERFORM pg_notify('{CHANNEL}', ''); RETURN NULL; END $$\n",
        *(
            f"CREATE TRIGGER {table}_changed AFTER INSERT OR UPDATE OR DELETE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tocsin_notify()"
            for table in _NOTIFYING
        ),
        "CREATE TABLE alert_words (rowid bigint PRIMARY KEY REFERENCES alert ON DELETE CASCADE,"
        " words tsvector NOT NULL)",
        "CREATE INDEX alert_words_words ON alert_words USING gin (words)",
    )
    word_index = ("TRUNCATE alert_words",)
    failure_index = (
        "CREATE TABLE attempt_words (rowid bigint PRIMARY KEY REFERENCES attempt ON DELETE CASCADE,"
        " words tsvector NOT NULL)",
        "CREATE INDEX attempt_words_words ON attempt_words USING gin (words)",
    )
    index_hints = False  # the planner knows how many rows there are of what

    def lock_rows(self, select: str, *, skip_locked: bool = False) -> str:
        # NO KEY: no key changes, so a new row that only refers to one of these, as every new delivery does,
        # need not wait.
        return f"{select} FOR NO KEY UPDATE{' SKIP LOCKED' if skip_locked else ''}"

    def lock(
        self, db: peewee.Database, select: str, values: Sequence[Any] = (), *, references: bool = False
    ) -> None:
        fetch(db, f"{select} FOR UPDATE" if references else self.lock_rows(select), values)

    def using(self, table: str, index: str) -> str:  # noqa: ARG002
        return table

    def words_value(self, words: Sequence[str]) -> str:
        """Return a tsvector as text."""
        return " ".join([f"{_quoted(word)}:{place}" for place, word in enumerate(words, 1)])

    def contains(self, terms: Iterable[Term], table: str = "alert_words") -> tuple[str, str]:
        return f"{table}.words @@ ?::tsquery", joined(
            terms, _written, every=" & ", some=" | ", but_not=" & !"
        )

    def forget_words(self, db: peewee.Database, keys: Sequence[int]) -> None:
        execute(db, f"DELETE FROM alert_words WHERE rowid {AMONG}", (among(keys),))

    def forget_failures(self, db: peewee.Database, keys: Sequence[int]) -> None:
        pass  # their rows go with those of the attempts

    def replace_check(self, db: peewee.Database, table: str, old: str, new: str) -> None:
        # The server keeps a check in its own notation, so let it translate `old` to find the equal one.
        execute(db, f"ALTER TABLE {table} ADD CONSTRAINT tocsin_old CHECK ({old}) NOT VALID")
        query = (
            "SELECT same.conname FROM pg_constraint AS same JOIN pg_constraint AS old"
            " ON pg_get_expr(same.conbin, same.conrelid) = pg_get_expr(old.conbin, old.conrelid)"
            " WHERE old.conrelid = ?::regclass AND old.conname = 'tocsin_old'"
            " AND same.conrelid = old.conrelid AND same.contype = 'c' AND same.oid <> old.oid"
        )
        found = fetch(db, query, (table,))
        if len(found) != 1:
            raise CannotOpen(f"the table {table} of the database lacks CHECK ({old}); restore a backup")
        [(name,)] = found
        execute(db, f'ALTER TABLE {table} DROP CONSTRAINT tocsin_old, DROP CONSTRAINT "{name}"')
        execute(db, f'ALTER TABLE {table} ADD CONSTRAINT "{name}" CHECK ({new})')


def _written(phrase: Phrase) -> str:
    words = " <-> ".join(map(_quoted, phrase.words))
    return f"{words}:*" if phrase.begins else words


def _quoted(word: str) -> str:
    if not word.isalnum():
        word = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{word}'"
