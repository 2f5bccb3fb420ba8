"""The word index holds the whole alert: its texts, context and addresses.

Unlike other migrations this one uses today's code. The index can be made from the alerts at any time, and
alerts can only be removed from it with the words that today's code finds in them.
"""

from peewee import Database
from playhouse.migrate import SchemaMigrator

from tui.store.tables.words import rebuild_words


def up(migrator: SchemaMigrator, db: Database) -> None:
    rebuild_words(db, without=("log_types",))
