"""`tocsin route`: say where alerts go, and why not to the other destinations."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.commands.sending.format_option import format_option, reader
from tui.commands.sending.source import named, standard_input
from tui.commands.shared.console import JsonArray, json_option, say, tell
from tui.commands.shared.session import Session, details_of
from tui.domain.alert import Alert
from tui.domain.destination import resolve_destination
from tui.domain.errors import Invalid, Refused
from tui.domain.routing import Choice, choices
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.engine.database import Store


@click.command(short_help="Show where alerts go, and why.")
@click.argument("source", metavar="FILE|-|ID")
@click.option(
    "--expect", "expected", multiple=True, metavar="NAME", help="Exit 1 unless every alert goes to NAME."
)
@format_option
@json_option
@click.pass_obj
def route(session: Session, source: str, expected: tuple[str, ...], format_name: str, as_json: bool) -> None:
    """Show which destinations alerts go to, and why not to the others.

    \b
    tocsin route alerts.json
    tocsin route --expect pager alerts.json
    tocsin route 7c31ab90

    Nothing is stored or sent. A stored alert, given by its ID, is routed as if it arrived now.
    """
    from tui.store.destinations import all_destinations

    bad, missed = 0, 0
    with (
        session.store() as store,
        contextlib.closing(JsonArray()) if as_json else contextlib.nullcontext() as array,
    ):
        destinations = store.read(all_destinations).result()
        wanted = {resolve_destination(name, destinations).id for name in expected}
        for place, alert in _alerts(session, store, source, format_name):
            try:
                if isinstance(alert, Invalid):
                    raise alert
                found = choices(alert, destinations)
            except Invalid as error:
                bad += 1
                tell(f"tocsin: {f'{place}: ' if place else ''}{error.message}")
                continue
            missed += not wanted <= {each.destination.id for each in found if each.reason is None}
            if array is not None:
                array.append(_as_json(place, alert, found))
            else:
                _print(place, alert, found)
    if bad:
        raise click.exceptions.Exit(2)
    if missed:
        count = "1 alert does" if missed == 1 else f"{missed} alerts do"
        tell(f"{count} not go to all of: {', '.join(expected)}")
        raise click.exceptions.Exit(1)


def _alerts(
    session: Session, store: "Store", source: str, format_name: str
) -> Iterator[tuple[str, Alert | Invalid]]:
    from tui.intake.formats import Skipped

    if source != "-" and not Path(source).exists():
        try:
            yield "", details_of(store, source).alert
        except Refused as error:
            raise Refused(f"{source!r} is not a file: {error}") from None
        return
    read = reader(session, format_name)
    with contextlib.closing(standard_input() if source == "-" else named(source)) as opened:
        for batch in opened.batches:
            for item in batch:
                for reading in read(item):
                    if isinstance(reading.result, Skipped):
                        tell(f"skipped, {reading.format}: {visible(reading.result.reason)}")
                    else:
                        yield reading.place, reading.result


def _print(place: str, alert: Alert, found: list[Choice]) -> None:
    say(visible(f"{f'{place}: ' if place else ''}{alert.severity} {alert.headline}"))
    for each in found:
        paused = " (paused)" if each.destination.paused else ""
        reason = f": {each.reason}" if each.reason else paused
        say(visible(f"  {'–' if each.reason else '✓'} {each.destination.name}{reason}"))
    if not found:
        say("  there is no destination yet")


def _as_json(place: str, alert: Alert, found: list[Choice]) -> dict[str, object]:
    return {
        "item": place,
        "alertId": alert.alert_id,
        "title": alert.headline,
        "severity": alert.severity,
        "destinations": [each.destination.name for each in found if each.reason is None],
        "others": [
            {"destination": each.destination.name, "reason": each.reason} for each in found if each.reason
        ],
    }
