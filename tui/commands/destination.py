"""`tocsin destination`: where alerts go, set up and tried out from the command line."""

import secrets
import shlex
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tui.commands import output, shapes
from tui.commands.session import Session, destination_named, json_option, run_dispatcher, say, say_json, tell
from tui.commands.settings import GENERATE, merge_headers, parse_settings, settings
from tui.domain.alert import AlertType, make_test_alert
from tui.domain.destination import Destination, parse_name, parse_url, resolve_destination
from tui.domain.errors import Invalid, Refused
from tui.domain.lifecycle import Outcome
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.database import Store, Transaction
    from tui.store.views import AttemptRow, DestinationRow, Exchange, Record


@click.group(no_args_is_help=False)
def destination() -> None:
    """Set up where alerts go, and try it out."""


@destination.command()
@click.argument("name")
@click.argument("url")
@settings
@click.option("--test", "tested", is_flag=True, help="Send it the test alert; exit 1 if not delivered.")
@json_option
@click.pass_obj
def add(session: Session, name: str, url: str, tested: bool, as_json: bool, **given: Any) -> None:
    """Add a destination called NAME; alerts are posted to URL.

    \b
    tocsin destination add soc https://hooks.example.com/alerts
    tocsin destination add pager http://localhost:8081 --severity HIGH,CRITICAL --test
    """
    new = Destination(name=parse_name(name), url=parse_url(url), **parse_settings(**given))
    generated = new.secret.value if new.secret and given["secret"] == GENERATE else None
    from tui.store import destinations

    with session.store() as store:
        added = store.write(destinations.add, new).result()
        if not as_json:
            say(f"added {visible(added.name)}: {visible(added.masked_url)}")
            _say_generated(generated)
        test = _send_test(session, store, added) if tested else None
        row = _row(store, added.name)
        day = _day(store, row)
    if as_json:
        shown = shapes.destination_json(row, day) | ({"generatedSecret": generated} if generated else {})
        say_json(shown | ({"test": shapes.attempt_json(*test)} if test else {}))
    if test:
        _conclude(added, *test, as_json=as_json)


@destination.command("list")
@json_option
@click.pass_obj
def list_destinations(session: Session, as_json: bool) -> None:
    """List the destinations, with how the last 30 attempts at each went."""
    from tui.store import health

    with session.store() as store:
        rows = store.read(health.destination_rows).result()
        days = [_day(store, row) for row in rows] if as_json else []
    if as_json:
        say_json([shapes.destination_json(row, day) for row, day in zip(rows, days, strict=True)])
    elif rows:
        headings = ("NAME", "URL", "SEVERITIES", "STATE", "SUCCESS", "P95", "WAITING", "LAST ANSWER")
        output.print_table(headings, [output.destination_cells(row) for row in rows], shrink=7, state=3)
    else:
        tell("there are no destinations yet; `tocsin destination add NAME URL` adds one")


@destination.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(session: Session, name: str, as_json: bool) -> None:
    """Show a destination. Secrets and the values of headers stay hidden."""
    with session.store() as store:
        row = _row(store, name)
        day = _day(store, row)
    if as_json:
        say_json(shapes.destination_json(row, day))
        return
    shown, (_, url, severities, state, success, p95, waiting, last) = (
        row.destination,
        output.destination_cells(row),
    )
    output.print_fields(
        (
            ("name", shown.name),
            ("url", url),
            ("severities", severities),
            ("types", output.listed(shown.alert_types, AlertType)),
            ("headers", "\n".join(f"{header.name}: {header.value.shown}" for header in shown.headers)),
            ("secret", shown.secret.shown if shown.secret else ""),
            ("timeout", f"{shown.timeout_ms / 1000:g} s"),
            ("rate", f"at most {shown.rate:g} a second" if shown.rate else ""),
            ("state", state),
            ("failing", f"since {output.moment(since)}" if (since := row.health.failing_since) else ""),
            ("in a row", f"{row.health.failures} failed" if row.health.failures else ""),
            ("last 30", f"{success} delivered, p95 {p95}" if success else ""),
            ("last 24 h", output.record_of(day)),
            ("waiting", waiting),
            ("last answer", last),
        )
    )


@destination.command()
@click.argument("reference", metavar="NAME")
@click.option("--name", metavar="NAME", help="A new display name.")
@click.option("--url", metavar="URL", help="A new URL; what waits goes there, too.")
@settings
@click.pass_obj
def edit(session: Session, reference: str, name: str | None, url: str | None, **given: Any) -> None:
    """Change what is given and nothing else.

    A header is set beside those there are, and 'NAME:' without a value removes it; --secret '' removes the
    secret.

    \b
    tocsin destination edit soc --severity all --timeout 10
    tocsin destination edit soc --header 'X-Team: red' --header 'X-Old:'
    """
    changes = parse_settings(**given)
    changes |= {} if name is None else {"name": parse_name(name)}
    changes |= {} if url is None else {"url": parse_url(url)}
    if not changes:
        raise click.UsageError("nothing to change; give --name, --url, --severity or another option")

    def change(tx: "Transaction") -> Destination:
        # In one transaction, so that nothing somebody else changes meanwhile is undone.
        from tui.store import destinations

        current = resolve_destination(reference, destinations.all_destinations(tx.db))
        headers = merge_headers(current.headers, changes.get("headers", ()))
        return destinations.edit(tx, replace(current, **changes | {"headers": headers}))

    with session.store() as store:
        edited = store.write(change).result()
    say(f"changed {visible(edited.name)}")
    _say_generated(changes["secret"].value if given["secret"] == GENERATE else None)


@destination.command()
@click.argument("name")
@json_option
@click.pass_obj
def test(session: Session, name: str, as_json: bool) -> None:
    """Send the test alert to a destination and show what comes back.

    It is sent once, whatever severities and types the destination takes. Exits 1 if it is not delivered.
    """
    with session.store() as store:
        found = destination_named(store, name)
        attempt, exchange = _send_test(session, store, found)
    if as_json:
        say_json(shapes.attempt_json(attempt, exchange))
    _conclude(found, attempt, exchange, as_json=as_json)


@destination.command()
@click.argument("name")
@click.pass_obj
def pause(session: Session, name: str) -> None:
    """Let alerts for a destination wait until it is resumed."""
    paused = _set_paused(session, name, paused=True)
    say(f"{visible(paused.name)} is paused; its alerts wait for {_command('resume', paused)}")


@destination.command()
@click.argument("name")
@click.pass_obj
def resume(session: Session, name: str) -> None:
    """Send to a paused destination again, what waited included."""
    resumed = _set_paused(session, name, paused=False)
    say(f"{visible(resumed.name)} is active")


@destination.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def delete(session: Session, name: str, yes: bool) -> None:
    """Delete a destination. What waits for it is cancelled; its history stays."""
    from tui.store import destinations

    with session.store() as store:
        row = _row(store, name)
        shown = visible(row.destination.name)
        if not yes:
            if sys.stdin is None or not sys.stdin.isatty():
                raise click.UsageError(
                    f"this would delete {shown} and cancel {_counted(row.waiting)}; add --yes"
                )
            if not click.confirm(f"Delete {shown} and cancel {_counted(row.waiting)}?", err=True):
                raise Refused(f"{shown} was not deleted")
        cancelled = store.write(destinations.delete, row.destination.id).result()
    say(f"deleted {shown}, cancelled {_counted(cancelled)}")


def _set_paused(session: Session, name: str, *, paused: bool) -> Destination:
    from tui.store import destinations

    with session.store() as store:
        found = destination_named(store, name)
        store.write(destinations.set_paused, found.id, paused=paused).result()
    return found


def _row(store: "Store", reference: str) -> "DestinationRow":
    from tui.store import health

    found = destination_named(store, reference)
    rows = store.read(health.destination_rows).result()
    row = next((row for row in rows if row.destination.id == found.id), None)
    if row is None:
        raise Refused(f"{found.name} has been deleted meanwhile")
    return row


def _day(store: "Store", row: "DestinationRow") -> "Record":
    """How it fared in the last 24 hours."""
    from tui.store import health
    from tui.store.database import wall_clock

    return store.read(health.record, row.destination.id, since=wall_clock() - health.DAY_MS).result()


# --- the test alert -------------------------------------------------------------------------------


def _send_test(
    session: Session, store: "Store", destination: Destination
) -> "tuple[AttemptRow, Exchange | None]":
    """Send the test alert from here and wait for its end; the one attempt and what came back."""
    from tui.store import outbox, queries

    if destination.paused:
        raise Refused(f"{destination.name} is paused; {_command('resume', destination)} first")
    alert = make_test_alert(
        destination.name,
        now=time.time_ns() // 1_000_000,
        alert_id=secrets.token_hex(16),
        link_template=session.config.link_template,
    )
    (receipt,) = store.write(outbox.submit, [alert]).result()
    if isinstance(receipt, Invalid):
        raise receipt
    run_dispatcher(store, session.config, grace_s=5, only=[key for key, _, _ in receipt.deliveries])
    key = store.read(queries.find_alert, alert.alert_id).result()
    details = store.read(queries.alert_details, key).result()
    attempts = details.deliveries[0].attempts if details else ()
    if not attempts:
        raise Refused("the test alert was not sent before this ended; it waits")
    return attempts[0], store.read(queries.exchange, attempts[0].id).result()


def _conclude(
    destination: Destination, attempt: "AttemptRow", exchange: "Exchange | None", *, as_json: bool
) -> None:
    """Tell people how the test went; raises Refused if the alert was not delivered."""
    if not as_json:
        output.print_fields(
            (
                ("dispatched", output.moment(attempt.started_at)),
                ("answer", attempt.summary if attempt.status_code else ""),
                ("took", f"{attempt.duration_ms} ms"),
                ("body", output.body_of(exchange)),
            )
        )
    told = output.explanation_of(attempt, exchange)
    if attempt.outcome is not Outcome.DELIVERED:
        raise Refused(f"{destination.name} did not get the test alert. {told}")
    if told:
        tell(told)


# --- in words -------------------------------------------------------------------------------------


def _say_generated(secret: str | None) -> None:
    if secret:
        say(f"signing secret, shown only now: {secret}")


def _command(verb: str, destination: Destination) -> str:
    return f"`tocsin destination {verb} {shlex.quote(visible(destination.name))}`"


def _counted(waiting: int) -> str:
    return f"{waiting} waiting {'delivery' if waiting == 1 else 'deliveries'}"
