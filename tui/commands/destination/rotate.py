"""`tocsin destination rotate`: replace the signing secret, with an overlap in which both sign."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tui.commands.shared import output
from tui.commands.shared.console import json_option, say, say_json
from tui.commands.shared.secret_input import GENERATE, read_secret, say_generated, warn_of_unreadable
from tui.commands.shared.session import Session
from tui.domain.alert import format_time
from tui.domain.destination import Destination, resolve_destination
from tui.domain.errors import Refused
from tui.domain.rotation import DEFAULT_OVERLAP_MS, parse_overlap
from tui.domain.secret import parse_secret
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.engine.database import Transaction


@click.command(short_help="Replace a destination's signing secret.")
@click.argument("name")
@click.option(
    "--overlap",
    metavar="SPAN",
    help="Keep signing with the old secret too for this long, like 90m or 7d. 0: stop at once. Default: 24h.",
)
@click.option(
    "--secret",
    metavar="SECRET",
    default=GENERATE,
    help="Use this new secret: whsec_…, env:NAME, file:PATH or - (a prompt or a pipe). "
    "Default: generate one and print it once.",
)
@click.option("--end", is_flag=True, help="End the overlap now; keep the new secret.")
@json_option
@click.pass_obj
def rotate(session: Session, name: str, overlap: str | None, secret: str, end: bool, as_json: bool) -> None:
    """Replace a destination's signing secret, with an overlap.

    \b
    tocsin destination rotate soc --overlap 7d

    During the overlap every request has two signatures, one for each secret. Give the receiver the new
    secret before the overlap ends.
    """
    if end and (overlap or secret != GENERATE):
        raise click.UsageError("--end takes no --overlap or --secret: it only ends the overlap")
    overlap_ms = DEFAULT_OVERLAP_MS if overlap is None else parse_overlap(overlap)
    new = None if end else parse_secret(read_secret(secret))

    def change(tx: "Transaction") -> Destination:
        from tui.store import destinations

        current = resolve_destination(name, destinations.all_destinations(tx.db))
        old = current.old_secret
        signs = old is not None and old.signs_at(tx.now)
        if not end:
            if old and signs and overlap_ms:
                until = output.moment(old.until)
                raise Refused(
                    f"{current.name} already has an old secret, which signs until {until}; "
                    "end that overlap with --end, or replace both secrets now with --overlap 0"
                )
            return destinations.edit(tx, replace(current, secret=new), overlap_ms=overlap_ms)
        if not signs:
            raise Refused(f"{current.name} has no overlap to end: only one secret signs")
        return destinations.edit(tx, replace(current, old_secret=None))

    with session.store() as store:
        rotated = store.write(change).result()
    warn_of_unreadable({"secret": new})
    generated = new.value if new and secret == GENERATE else None
    if as_json:
        say_json(_json(rotated) | ({"generatedSecret": generated} if generated else {}))
        return
    until = rotated.old_secret.until if rotated.old_secret else None
    told = (
        "only one secret signs"
        if until is None
        else f"the old secret also signs until {output.moment(until)}"
    )
    say(f"{visible(rotated.name)}: {told}")
    say_generated(generated)


def _json(rotated: Destination) -> dict[str, Any]:
    old = rotated.old_secret
    return {
        "id": rotated.id,
        "name": rotated.name,
        "secret": rotated.secret.shown if rotated.secret else None,
        "oldSecretUntil": format_time(old.until) if old else None,
    }
