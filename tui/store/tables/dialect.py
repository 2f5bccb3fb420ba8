"""The SQL that differs between SQLite and PostgreSQL. Everything else is one text for both.

`tui.store.engine.sqlite_dialect` and `tui.store.engine.postgres_dialect` are the two implementations.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import peewee

from tui.domain.filter import Term


class Dialect(Protocol):
    """What the rest of the store asks of an engine's SQL. Placeholders are written `?`."""

    baseline: Sequence[str]
    """The statements that only this engine needs after the baseline migration made the tables.

    Frozen like the migration itself.
    """
    word_index: Sequence[str]
    """The statements that make the word index empty, in its present form."""
    failure_index: Sequence[str]
    """The statements that make the index of the words of failed attempts. Frozen like a migration."""
    index_hints: bool
    """Whether queries must name the index to read."""

    def lock_rows(self, select: str, *, skip_locked: bool = False) -> str:
        """Return `select` changed so that the transaction holds the rows it returns until it ends.

        With `skip_locked` it leaves out rows that others hold. Without, it waits for them.
        """
        ...

    def lock(
        self, db: peewee.Database, select: str, values: Sequence[Any] = (), *, references: bool = False
    ) -> None:
        """Hold the rows of `select` until the transaction ends. Wait for others that hold one of them.

        With `references`, nobody can add a row that refers to one of them either. Does nothing on an engine
        whose transaction already holds the whole database.
        """
        ...

    def using(self, table: str, index: str) -> str:
        """Return the FROM item that reads `table` along `index`, where the engine takes such hints."""
        ...

    def words_value(self, words: Sequence[str]) -> str:
        """Return the value of `words` for these words, in this order."""
        ...

    def contains(self, terms: Iterable[Term], table: str = "alert_words") -> tuple[str, str]:
        """Return a condition on a table of words and its one value: every term is found in a row's words,
        and no negated one.

        At least one term is not negated.
        """
        ...

    def forget_words(self, db: peewee.Database, keys: Sequence[int]) -> None:
        """Remove alerts, given by key, from the word index. Call it before they are changed or deleted."""
        ...

    def forget_failures(self, db: peewee.Database, keys: Sequence[int]) -> None:
        """Remove the attempts of alerts, given by key, from the index. Call it before they are deleted."""
        ...

    def replace_check(self, db: peewee.Database, table: str, old: str, new: str) -> None:
        """Replace the check `old` of a table, as its migration wrote it, by `new`, which all rows satisfy.

        For migrations. It copies no row. Raises CannotOpen if the table does not have exactly one such check.
        """
        ...


class SpeaksDialect(Protocol):
    """A database of one of our engines."""

    dialect: Dialect


def dialect_of(db: peewee.Database) -> Dialect:
    """Return the dialect of a database that `Strategy.open` returned."""
    return cast(SpeaksDialect, db).dialect
