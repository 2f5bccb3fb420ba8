"""`tocsin token`: the tokens of senders that post alerts over HTTP."""

import secrets
from functools import partial
from urllib.parse import quote

import click

from tui.commands.shared import json_output, output
from tui.commands.shared.console import json_option, say, say_json, tell
from tui.commands.shared.secret_input import GENERATE, read_secret, warn_if_unreadable
from tui.commands.shared.session import Session
from tui.domain.pacing import parse_rate
from tui.domain.signature import Scheme, check_secret, parse_verifying_secret
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
@click.option(
    "--verify",
    type=click.Choice([scheme.value for scheme in Scheme]),
    callback=lambda _context, _option, given: given and Scheme(given),
    help="Verify the signature of each request instead of a token: Standard Webhooks, or GitHub's "
    "X-Hub-Signature-256. The sender posts to /alerts?sender=NAME.",
)
@click.option(
    "--secret",
    metavar="SECRET",
    help="With --verify: the sender's secret, env:NAME, file:PATH or - (a prompt or a pipe). "
    "Default: generate one and print it once.",
)
@json_option
@click.pass_obj
def add(
    session: Session,
    name: str,
    rate: str,
    expires: str | None,
    verify: Scheme | None,
    secret: str | None,
    as_json: bool,
) -> None:
    """Create a token for the sender NAME and print it.

    The token is shown only once: Tocsin stores its hash. To verify signatures, it stores the secret itself.

    \b
    tocsin token add grafana
    tocsin token add ci --rate 5 --expires 30d
    tocsin token add github --verify github
    tocsin token add billing --verify standard --secret env:BILLING_SECRET
    """
    from tui.store import tokens
    from tui.store.engine.database import wall_clock

    if secret is not None and verify is None:
        raise click.UsageError("--secret needs --verify: without a signature, the sender presents a token")
    made = format_token(secrets.token_bytes(SIZE))
    new = Token(
        parse_token_name(name),
        digest_of(made),
        parse_rate(rate),
        None if expires is None else parse_expiry(expires, wall_clock()),
        verify=verify,
        secret=parse_verifying_secret(verify, read_secret(secret or GENERATE)) if verify else None,
    )
    with session.store(create=True) as store:
        first = not store.read(tokens.every_token).result()
        added = store.write(tokens.add, new).result()
    if verify and new.secret:
        warn_if_unreadable("the secret", new.secret, partial(check_secret, verify))
        shown = {"generatedSecret": new.secret.value} if secret in (None, GENERATE) else {}
    else:
        shown = {"token": made}
    if as_json:
        say_json(json_output.token_json(added, wall_clock()) | shown)
    else:
        say(*(shown.values() or [f"added {visible(added.name)}"]))
    if not verify:
        tell(f"added {added.name}; the token is shown only now. Send it as `Authorization: Bearer TOKEN`")
    else:
        once = " The secret is shown only now." if shown else ""
        tell(f"added {added.name}.{once} Let the sender post to /alerts?sender={quote(added.name, safe='')}")
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
        headings = ("NAME", "STATE", "VERIFIES", "RATE", "ADDED", "EXPIRES", "LAST USED")
        output.print_table(headings, [_cells(each, now) for each in shown], shrink=0, state=1)
    else:
        tell("there are no tokens; create one with `tocsin token add NAME`")


@token.command(short_help="Revoke a token.")
@click.argument("reference", metavar="NAME|TOKEN|SECRET")
@json_option
@click.pass_obj
def revoke(session: Session, reference: str, as_json: bool) -> None:
    """Revoke a token, given its name, the token itself, or the whsec_ secret of a sender that signs.

    Running endpoints reject it within a second. The secret of a sender that signs is deleted.
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
    return (
        token.name,
        token.standing(now).value,
        token.verify or "token",
        rate,
        added,
        expires or "never",
        used or "never",
    )
