"""`tocsin token`: the tokens of senders that post alerts over HTTP."""

import secrets

import click

from tui.commands.shared import json_output, output
from tui.commands.shared.console import json_option, say, say_json, tell
from tui.commands.shared.session import Session
from tui.domain.pacing import parse_rate
from tui.domain.text import visible
from tui.domain.token import SIZE, Standing, Token, digest_of, format_token, parse_expiry, parse_token_name


@click.group(no_args_is_help=False)
def token() -> None:
    """Manage tokens for senders that post alerts over HTTP."""


@token.command(short_help="Create a token for a sender and print it.")
@click.argument("name")
@click.option(
    "--rate",
    metavar="PER-SECOND",
    default="",
    help="Limit requests per second. Default: the limit in the configuration.",
)
@click.option(
    "--expires",
    metavar="SPAN",
    help="Let the token expire after this long, like 12h, 30d or 52w. Default: never.",
)
@json_option
@click.pass_obj
def add(session: Session, name: str, rate: str, expires: str | None, as_json: bool) -> None:
    """Create a token for the sender NAME and print it.

    The token is shown only once: Tocsin stores its hash.

    \b
    tocsin token add grafana
    tocsin token add ci --rate 5 --expires 30d
    """
    from tui.store import tokens
    from tui.store.engine.database import wall_clock

    made = format_token(secrets.token_bytes(SIZE))
    new = Token(
        parse_token_name(name),
        digest_of(made),
        parse_rate(rate),
        None if expires is None else parse_expiry(expires, wall_clock()),
    )
    with session.store(create=True) as store:
        first = not store.read(tokens.every_token).result()
        added = store.write(tokens.add, new).result()
    if as_json:
        say_json({**json_output.token_json(added, wall_clock()), "token": made})
    else:
        say(made)
    tell(f"added {added.name}; the token is shown only now. Send it as `Authorization: Bearer TOKEN`")
    if first:
        tell("from now on, every endpoint of this database requires a token, also on this machine")


@token.command("list")
@click.option("--all", "revoked", is_flag=True, help="Include revoked tokens.")
@json_option
@click.pass_obj
def list_tokens(session: Session, revoked: bool, as_json: bool) -> None:
    """List the tokens and when each was last used."""
    from tui.store import tokens
    from tui.store.engine.database import wall_clock

    now = wall_clock()
    with session.store() as store:
        every = store.read(tokens.every_token).result()
    shown = [each for each in every if revoked or each.standing(now) is not Standing.REVOKED]
    if as_json:
        say_json([json_output.token_json(each, now) for each in shown])
    elif shown:
        headings = ("NAME", "STATE", "RATE", "ADDED", "EXPIRES", "LAST USED")
        output.print_table(headings, [_cells(each, now) for each in shown], shrink=0, state=1)
    else:
        tell("there are no tokens; create one with `tocsin token add NAME`")


@token.command()
@click.argument("reference", metavar="NAME|TOKEN")
@json_option
@click.pass_obj
def revoke(session: Session, reference: str, as_json: bool) -> None:
    """Revoke a token, given its name or the token itself.

    Running endpoints reject it within a second.
    """
    from tui.store import tokens
    from tui.store.engine.database import wall_clock

    with session.store() as store:
        revoked = store.write(tokens.revoke, reference).result()
        left = store.read(tokens.every_token).result()
    if as_json:
        say_json(json_output.token_json(revoked, wall_clock()))
    else:
        say(f"revoked {visible(revoked.name)}")
    if all(each.standing(wall_clock()) is not Standing.ACTIVE for each in left):
        tell("no active token is left: endpoints accept only TOCSIN_LISTEN_TOKEN until you add a token")


def _cells(token: Token, now: int) -> tuple[str, ...]:
    moments = (token.created_at, token.expires_at, token.last_used_at)
    added, expires, used = (output.moment(moment) if moment is not None else "" for moment in moments)
    rate = f"{token.rate:g}/s" if token.rate is not None else ""
    return (token.name, token.standing(now).value, rate, added, expires or "never", used or "never")
