"""Bring a database to the schema that this version needs, and refuse one that it cannot upgrade.

A migration is a numbered file in `migrations/`. It is applied once, in the transaction that opens the
database, and recorded in the table `schema_migration`. It is frozen: it never imports the current models.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Collection
from pathlib import Path
from typing import cast

import peewee
from playhouse.migrations import Runner

from tui.store.errors import CannotOpen

DIRECTORY = Path(__file__).parent / "migrations"
BASELINE = "0001_baseline"
BEFORE_BASELINE = (
    "0001_initial",
    "0002_postgres_hot_rows",
    "0003_bytewise_alert_ids",
    "0004_lists_and_search",
    "0006_followed_files",
    "0007_tokens",
    "0008_tls",
    "0009_rotation",
    "0010_filters",
    "0012_folding",
    "0013_failed_tests",
)
"""The migrations of development versions. All of them together make the schema of the baseline."""


def up(db: peewee.Database) -> list[str]:
    """Apply the missing migrations and return their names, in order; empty if there are none.

    Call it in a transaction, which is the lock against other processes. Raises CannotOpen if the database was
    made by a newer version, or by a development version before the baseline.
    """
    runner = Runner(db, str(DIRECTORY))
    recorded = set(applied(db))
    _refuse_newer(recorded - {migration.name for migration in runner.migrations()} - {*BEFORE_BASELINE})
    if recorded & {*BEFORE_BASELINE}:
        _replace_by_the_baseline(runner, recorded)
    return cast("list[str]", runner.up())


def require_current(db: peewee.Database) -> None:
    """Raise CannotOpen unless the database has the schema of this version. Changes nothing."""
    names = {migration.name for migration in Runner(db, str(DIRECTORY)).migrations()}
    recorded = {*applied(db)}
    _refuse_newer(recorded - names - {*BEFORE_BASELINE})
    if names - recorded:
        raise CannotOpen(
            "the database was made by an older Tocsin, and this does not change it;"
            " to upgrade it, run `tocsin db migrate`"
        )


def _refuse_newer(unknown: Collection[str]) -> None:
    if unknown:
        raise CannotOpen(
            f"the database was made by a newer Tocsin (it has {max(unknown)}); upgrade this one to open it"
        )


def applied(db: peewee.Database) -> list[str]:
    """Return the names of the migrations that the database records, in order."""
    return sorted(cast("dict[str, object]", Runner(db, str(DIRECTORY)).applied()))


def _replace_by_the_baseline(runner: Runner, recorded: set[str]) -> None:
    """Record the baseline in place of the migrations that make the same schema."""
    *_, last = BEFORE_BASELINE
    if not recorded.issuperset(BEFORE_BASELINE):
        raise CannotOpen(
            f"the database was made by a development version of Tocsin (it ends at {max(recorded)}); to keep"
            f" its alerts, run `tocsin db migrate` with a version that has {last}; or deliver them with"
            " `tocsin dispatch --drain` of the version that made it and start a new database with --db"
        )
    runner.History.delete().where(runner.History.name.in_(BEFORE_BASELINE)).execute()
    runner.fake(BASELINE)
