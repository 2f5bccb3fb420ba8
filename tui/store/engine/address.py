"""Choose the engine for a database address."""

from pathlib import Path

from tui.store.engine.database import Strategy
from tui.store.errors import CannotOpen


def strategy_for(target: str, *, create: bool = True, read_only: bool = False) -> Strategy:
    """Return the engine for `target`: PostgreSQL for a postgresql:// URL, SQLite for the path of a file.

    Without `create`, it opens only an existing database; if there is none, it creates no file and no table.
    With `read_only`, nothing in the database can be changed.
    Raises CannotOpen if the PostgreSQL driver is not installed.
    """
    if not target.startswith("postgresql://"):
        from tui.store.engine.sqlite import Sqlite

        return Sqlite(Path(target), create=create, read_only=read_only)
    try:
        from tui.store.engine.postgres import Postgres
    except ImportError:
        raise CannotOpen(
            "PostgreSQL requires its driver; run in the checkout: uv tool install '.[postgres]'"
        ) from None
    return Postgres(target, create=create, read_only=read_only)
