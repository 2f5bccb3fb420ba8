"""An open store, and everything that differs between SQLite and PostgreSQL."""

from tui.store.engine.peewee_import import import_peewee

import_peewee()
