"""Which engine a database address means."""

from pathlib import Path

from tui.store.engine.database import Strategy
from tui.store.errors import CannotOpen


def strategy_for(target: str, *, create: bool = True) -> Strategy:
    """The engine for `target`: a postgresql:// URL, else the path of an SQLite file.

    Without `create` it opens only what is there already, and where nothing is it leaves nothing behind.
    Raises CannotOpen when the driver for PostgreSQL is not installed.
    """
    if not target.startswith("postgresql://"):
        from tui.store.engine.sqlite import Sqlite

        return Sqlite(Path(target), create=create)
    try:
        from tui.store.engine.postgres import Postgres
    except ImportError:
        raise CannotOpen(
            "PostgreSQL requires its driver; run in the checkout: uv tool install '.[postgres]'"
        ) from None
    return Postgres(target, create=create)
