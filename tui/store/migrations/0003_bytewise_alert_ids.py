"""PostgreSQL: alert ids in the order of their bytes, as SQLite has them anyway.

The start of an id is looked up as a span of the index, which in a language's order is another one.
"""

from peewee import Database, PostgresqlDatabase
from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: Database) -> None:
    if isinstance(db, PostgresqlDatabase):
        db.execute_sql('ALTER TABLE alert ALTER COLUMN alert_id TYPE text COLLATE "C"')
