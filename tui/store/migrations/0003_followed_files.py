"""What is known of a followed file besides its position, each in its own column."""

from peewee import BigAutoField, BigIntegerField, BooleanField, Database, Model, TextField
from playhouse.migrate import SchemaMigrator, migrate


class FollowedFile(Model):
    id = BigAutoField()
    position = BigIntegerField()
    head = TextField()
    modified = BigIntegerField()
    size = BigIntegerField()

    class Meta:
        table_name = "followed_file"


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("followed_file", "modified", BigIntegerField(default=0)),
        migrator.add_column("followed_file", "size", BigIntegerField(default=0)),
        migrator.add_column("followed_file", "gone", BooleanField(default=False)),
        migrator.add_column("followed_file", "report", TextField(null=True)),
    )
    with db.bind_ctx([FollowedFile]):
        for file in list(FollowedFile.select()):
            # The mtime was kept as `hash@mtime`. The size was not: as far as is known, all was read.
            head, _, modified = file.head.partition("@")
            FollowedFile.update(head=head, modified=int(modified or 0), size=file.position).where(
                FollowedFile.id == file.id
            ).execute()
