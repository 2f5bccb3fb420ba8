"""The tables of intake: followed files and the tokens of the HTTP endpoint. See `models`."""

# pyright: reportUnknownMemberType=false

from peewee import SQL, BigAutoField, BigIntegerField, BooleanField, Check, DoubleField, Model, TextField


class FollowedFile(Model):
    """How far `tocsin watch` has read a file; see `following.Place`."""

    id = BigAutoField()
    source = TextField(unique=True)
    """The path, after the name of the machine if there is one."""
    device = BigIntegerField()
    inode = BigIntegerField()
    position = BigIntegerField()
    head = TextField()
    head_size = BigIntegerField()
    modified = BigIntegerField(default=0)
    size = BigIntegerField(default=0)
    gone = BooleanField(default=False)
    report = TextField(null=True)
    """Id of the last alert about lines that could not be read; it takes further ones for a minute."""

    class Meta:
        table_name = "followed_file"


class Token(Model):
    """A token of the HTTP endpoint, stored as a digest; see `domain.token`."""

    id = BigAutoField()
    name = TextField()
    name_folded = TextField()
    digest = TextField(unique=True)
    rate = DoubleField(null=True)
    """Requests per second; null means the endpoint's default."""
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)
    last_used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)
    """A revoked token's row stays, so that it remains refused. Its name may be used again."""
    verify = TextField(null=True)
    """How its sender signs, see `domain.signature`; null if it presents the token."""
    secret = TextField(null=True, constraints=[Check("secret IS NULL OR verify IS NOT NULL")])

    class Meta:
        table_name = "token"
        constraints = [Check("length(digest) = 64")]


Token.add_index(
    Token.index(Token.name_folded, unique=True, name="token_name", where=SQL("revoked_at IS NULL"))
)
