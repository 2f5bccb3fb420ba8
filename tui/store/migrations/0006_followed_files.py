"""How far `tocsin watch` has read each file it follows."""

from peewee import BigAutoField, BigIntegerField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator


class FollowedFile(Model):
    id = BigAutoField()
    source = TextField(unique=True)
    device = BigIntegerField()
    inode = BigIntegerField()
    position = BigIntegerField()
    head = TextField()
    head_size = BigIntegerField()

    class Meta:
        table_name = "followed_file"


def up(migrator: SchemaMigrator, db: Database) -> None:
    with db.bind_ctx([FollowedFile]):
        db.create_tables([FollowedFile], safe=False)
