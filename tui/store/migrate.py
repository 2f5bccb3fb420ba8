"""Brings a database to the schema this program knows, and refuses one from its future."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from pathlib import Path
from typing import cast

import peewee
from playhouse.migrations import Runner

from tui.store.errors import CannotOpen

_DIRECTORY = Path(__file__).parent / "migrations"


def up(db: peewee.Database) -> list[str]:
    """Apply what is missing and return its names. Call inside a transaction: that is the lock."""
    runner = Runner(db, str(_DIRECTORY))
    known = {migration.name for migration in runner.migrations()}
    unknown = sorted(set(applied(db)) - known)
    if unknown:
        raise CannotOpen(
            f"the database was made by a newer Tocsin (it has {unknown[-1]}); upgrade this one to open it"
        )
    return cast("list[str]", runner.up())


def applied(db: peewee.Database) -> list[str]:
    """The names of the migrations the database has been through, in order."""
    return sorted(cast("dict[str, object]", Runner(db, str(_DIRECTORY)).applied()))
