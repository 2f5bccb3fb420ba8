"""PostgreSQL: tables told how they are used, and changes announced. Nothing to do on SQLite."""

from peewee import Database, PostgresqlDatabase
from playhouse.migrate import SchemaMigrator

# A delivery's row is rewritten at every step. Room left in its page lets the new version lie beside
# the old one (HOT) wherever no indexed column changed, and vacuum comes by rows changed, not by a
# fifth of the table: at a million rows that would be never, while the claim's index fills with dead
# entries. An attempt's row is rewritten once.
_HOT_ROWS = (
    "ALTER TABLE delivery SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0,"
    " autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)",
    "ALTER TABLE attempt SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)",
)

# By statement, in the database: whoever changes rows, the others hear of it. PostgreSQL sends one
# notification a transaction, however many statements asked for it.
_NOTIFY = """
CREATE FUNCTION tocsin_notify() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('tocsin', ''); RETURN NULL; END $$
"""


def up(migrator: SchemaMigrator, db: Database) -> None:
    if not isinstance(db, PostgresqlDatabase):
        return
    for statement in (*_HOT_ROWS, _NOTIFY):
        db.execute_sql(statement)
    for table in ("alert", "destination", "delivery", "attempt"):
        db.execute_sql(
            f"CREATE TRIGGER {table}_changed AFTER INSERT OR UPDATE OR DELETE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tocsin_notify()"
        )
