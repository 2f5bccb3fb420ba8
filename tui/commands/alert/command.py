"""`tocsin alert`: list and show alerts, resend and cancel their deliveries."""

from typing import Any

import click

from tui.commands.alert.filter_options import filter_of, filter_options
from tui.commands.alert.resend import cancel, resend
from tui.commands.shared import json_output, output
from tui.commands.shared.console import json_option, say_json, tell
from tui.commands.shared.session import Session, details_of


@click.group(no_args_is_help=False)
def alert() -> None:
    """List and show alerts, resend and cancel their deliveries."""


@alert.command("list")
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    metavar="N",
    help="Limit the list to N alerts. Default: 50.",
)
@json_option
@click.pass_obj
def list_alerts(session: Session, limit: int, as_json: bool, **filters: Any) -> None:
    """List alerts, newest first.

    \b
    tocsin alert list --state failed --since 2h
    tocsin alert list --filter 'severity:>=high to:soc root login'
    """
    from tui.store.engine.database import wall_clock
    from tui.store.reading import listing

    with session.store() as store:
        filter = filter_of(store, **filters)
        newest = store.read(listing.newest_key).result()
        page = store.read(listing.page_of_alerts, filter, wall_clock(), up_to=newest, limit=limit + 1)
        rows = page.result()
    if as_json:
        say_json([json_output.alert_json(row) for row in rows[:limit]])
        return
    if rows:
        output.print_alerts(rows[:limit])
    else:
        tell("no alert matches" if filter else "there are no alerts yet; queue one with `tocsin send`")
    if len(rows) > limit:
        tell(f"only the newest {limit} are shown; show more with --limit")


@alert.command(short_help="Show an alert and every attempt to deliver it.")
@click.argument("reference", metavar="ID")
@json_option
@click.pass_obj
def show(session: Session, reference: str, as_json: bool) -> None:
    """Show an alert and every attempt to deliver it, with the responses.

    ID is an alert ID, its first 8 or more characters, or the webhook-id that a receiver saw.
    """
    from tui.store.reading import queries

    with session.store() as store:
        details = details_of(store, reference)
        attempts = [attempt.id for delivery in details.deliveries for attempt in delivery.attempts]
        exchanges = {key: store.read(queries.exchange, key).result() for key in attempts}
    if as_json:
        say_json(json_output.alert_details_json(details, exchanges, session.config.policy))
    else:
        output.print_details(details, exchanges)


alert.add_command(resend)
alert.add_command(cancel)
