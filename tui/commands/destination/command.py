"""`tocsin destination`: add, show, edit, test, pause and delete destinations."""

import sys
from typing import TYPE_CHECKING, Any

import click

from tui.commands.destination.options import apply, check_shape, destination_options, parse_settings
from tui.commands.destination.rotate import rotate
from tui.commands.destination.send_test import conclude, send_test
from tui.commands.destination.tls_options import check_tls, lines
from tui.commands.shared import json_output, output
from tui.commands.shared.console import json_option, say, say_json, tell
from tui.commands.shared.secret_input import GENERATE, read_unseen, say_generated, warn_of_unreadable
from tui.commands.shared.session import Session, check_way_out, destination_named
from tui.domain.alert_type import AlertType
from tui.domain.destination import PANTHER, Destination, parse_name, parse_url, resolve_destination
from tui.domain.errors import Refused
from tui.domain.folding import format_fold
from tui.domain.routing import taken_by
from tui.domain.text import visible
from tui.domain.tls import UNVERIFIED, UNVERIFIED_MEANS

if TYPE_CHECKING:
    from tui.store.engine.database import Store, Transaction
    from tui.store.reading.views import DestinationRow, Record


@click.group(no_args_is_help=False)
def destination() -> None:
    """Manage destinations: where alerts are sent."""


destination.add_command(rotate)


@destination.command()
@click.argument("name")
@click.argument("url")
@destination_options(defaults=True)
@click.option("--test", "tested", is_flag=True, help="Send a test alert; exit 1 if it is not delivered.")
@json_option
@click.pass_obj
def add(session: Session, name: str, url: str, tested: bool, as_json: bool, **given: Any) -> None:
    """Add a destination called NAME that posts alerts to URL.

    \b
    tocsin destination add soc https://hooks.example.com/alerts
    tocsin destination add pager http://localhost:8081 --severity HIGH --test
    tocsin destination add soc - --header 'X-Key: -' --secret generate

    To hide a URL, header value, token, password or secret from the process list, give - instead. Tocsin
    then prompts for it, or reads one line for each from the pipe, in this order: URL, headers, --bearer,
    --basic, --secret.
    """
    address = _url(session, url)
    wanted = parse_settings(**given)
    new = apply(wanted, Destination(name=parse_name(name), url=address))
    check_tls(new)
    check_shape(new)
    generated = new.secret.value if new.secret and given["secret"] == GENERATE else None
    if tested:
        check_way_out(session.config)
    from tui.store import destinations

    with session.store(create=True) as store:
        added = store.write(destinations.add, new).result()
        if not as_json:
            say(f"added {visible(added.name)}: {visible(added.masked_url)}")
            say_generated(generated)
        _warn(added)
        _propose_shape(added)
        warn_of_unreadable(wanted)
        test = send_test(session, store, added) if tested else None
        row = _row(store, added.name)
        day = _day(store, row)
    if as_json:
        shown = json_output.destination_json(row, day, _now())
        shown |= {"generatedSecret": generated} if generated else {}
        say_json(shown | ({"test": json_output.attempt_json(*test)} if test else {}))
    if test:
        conclude(added, *test, as_json=as_json)


@destination.command("list")
@json_option
@click.pass_obj
def list_destinations(session: Session, as_json: bool) -> None:
    """List destinations with the results of their last 30 attempts."""
    from tui.store.reading import health

    with session.store() as store:
        rows = store.read(health.destination_rows).result()
        days = [_day(store, row) for row in rows] if as_json else []
    if as_json:
        now = _now()
        say_json([json_output.destination_json(row, day, now) for row, day in zip(rows, days, strict=True)])
    elif rows:
        headings = ("NAME", "URL", "SEVERITIES", "STATE", "SUCCESS", "P95", "PENDING", "LAST RESPONSE")
        output.print_table(
            headings, [output.destination_cells(row, _now()) for row in rows], shrink=7, state=3
        )
    else:
        tell("there are no destinations yet; add one with `tocsin destination add NAME URL`")


@destination.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(session: Session, name: str, as_json: bool) -> None:
    """Show a destination. Secrets and header values are masked."""
    with session.store() as store:
        row = _row(store, name)
        day = _day(store, row)
        matched, of = _would_have_matched(store, row.destination)
    if as_json:
        shown = json_output.destination_json(row, day, _now())
        say_json(shown | {"wouldHaveMatched": {"matched": matched, "ofLast": of}})
        return
    shown, (_, url, severities, state, success, p95, waiting, last) = (
        row.destination,
        output.destination_cells(row, _now()),
    )
    old = shown.old_secret if shown.old_secret and shown.old_secret.signs_at(_now()) else None
    output.print_fields(
        (
            ("name", shown.name),
            ("url", url),
            ("severities", severities),
            ("types", output.listed(shown.alert_types, AlertType)),
            ("log types", ", ".join(shown.log_types) or "all"),
            ("filter", shown.filter),
            ("matches", f"would have matched {matched:,} of the last {of:,} alerts" if of else ""),
            ("headers", "\n".join(f"{header.name}: {header.value.shown}" for header in shown.headers)),
            ("secret", shown.secret.shown if shown.secret else ""),
            ("old secret", f"also signs until {output.moment(old.until)}" if old else ""),
            ("sends as", shown.shape),
            ("stop", "the receiver may stop retries" if shown.allow_stop else ""),
            ("timeout", f"{shown.timeout_ms / 1000:g} s"),
            ("tls", "\n".join(lines(shown.tls))),
            ("rate", f"at most {shown.rate:g} requests per second" if shown.rate else ""),
            ("retries", output.retries_of(shown)),
            ("slowed", output.slowed_to(row, _now())),
            ("folds", f"similar alerts for {format_fold(shown.fold_ms)}" if shown.fold_ms else ""),
            ("state", state),
            ("failing", f"since {output.moment(since)}" if (since := row.health.failing_since) else ""),
            ("failures", f"{row.health.failures} in a row" if row.health.failures else ""),
            ("last 30", f"{success} delivered, p95 {p95}" if success else ""),
            ("last 24 h", output.record_of(day)),
            ("pending", waiting),
            ("last response", last),
        )
    )


@destination.command()
@click.argument("reference", metavar="NAME")
@click.option("--name", metavar="NAME", help="Change the display name.")
@click.option("--url", metavar="URL", help="Change the URL. Pending deliveries go to the new URL too.")
@destination_options(defaults=False)
@click.pass_obj
def edit(session: Session, reference: str, name: str | None, url: str | None, **given: Any) -> None:
    """Change the given settings of a destination.

    \b
    tocsin destination edit soc --severity all --timeout 10
    tocsin destination edit soc --header 'X-Team: red' --header 'X-Old:'

    Settings you do not give stay unchanged. --header adds or replaces a header; 'NAME:' without a value
    removes it. An empty value ('') removes the setting: the signing secret with --secret, the
    authorization with --bearer or --basic, the certificate, its key and its password with --client-cert.
    --secret replaces the secret at once; to keep the old one for a while, use `tocsin destination rotate`.
    """
    changes: dict[str, Any] = {} if url is None else {"url": _url(session, url)}
    changes |= parse_settings(**given)
    changes |= {} if name is None else {"name": parse_name(name)}
    if not changes:
        raise click.UsageError("nothing to change; give --name, --url, --severity or another option")

    def change(tx: "Transaction") -> Destination:
        # Read and write in one transaction, so that a concurrent edit is not undone.
        from tui.store import destinations

        current = resolve_destination(reference, destinations.all_destinations(tx.db))
        return destinations.edit(tx, apply(changes, current))

    with session.store() as store:
        if changes.keys() & {"url", "tls"}:  # outside the transaction: reading files may be slow
            check_tls(apply(changes, destination_named(store, reference)))
        if changes.keys() & {"shape", "headers"}:
            check_shape(apply(changes, destination_named(store, reference)))
        edited = store.write(change).result()
    say(f"changed {visible(edited.name)}")
    _warn(edited)
    if url is not None:
        _propose_shape(edited)
    warn_of_unreadable(changes)
    say_generated(changes["secret"].value if given["secret"] == GENERATE else None)


@destination.command()
@click.argument("name")
@json_option
@click.pass_obj
def test(session: Session, name: str, as_json: bool) -> None:
    """Send a test alert to a destination and show the response.

    The test alert is sent once, without retries, and ignores the destination's severities, types and
    filter. Exits 1 if it is not delivered.
    """
    with session.store() as store:
        found = destination_named(store, name)
        attempt, exchange = send_test(session, store, found)
    if as_json:
        say_json(json_output.attempt_json(attempt, exchange))
    conclude(found, attempt, exchange, as_json=as_json)


@destination.command()
@click.argument("name")
@click.pass_obj
def pause(session: Session, name: str) -> None:
    """Pause a destination. Its deliveries stay queued until you resume it."""
    paused = _set_paused(session, name, paused=True)
    say(f"{visible(paused.name)} is paused; resume it with {output.command_for('resume', paused)}")


@destination.command()
@click.argument("name")
@click.pass_obj
def resume(session: Session, name: str) -> None:
    """Resume a paused destination and send its queued deliveries."""
    resumed = _set_paused(session, name, paused=False)
    say(f"{visible(resumed.name)} is active")


@destination.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def delete(session: Session, name: str, yes: bool) -> None:
    """Delete a destination and cancel its pending deliveries. Its history is kept."""
    from tui.store import destinations

    with session.store() as store:
        row = _row(store, name)
        shown = visible(row.destination.name)
        if not yes:
            if sys.stdin is None or not sys.stdin.isatty():
                raise click.UsageError(
                    f"this would delete {shown} and cancel {_counted(row.waiting)}; add --yes to confirm"
                )
            if not click.confirm(f"Delete {shown} and cancel {_counted(row.waiting)}?", err=True):
                raise Refused(f"{shown} was not deleted")
        cancelled = store.write(destinations.delete, row.destination.id).result()
    say(f"deleted {shown}, cancelled {_counted(cancelled)}")


def _url(session: Session, given: str) -> str:
    return session.config.network.check_url(parse_url(read_unseen(given, "URL", "url")))


def _set_paused(session: Session, name: str, *, paused: bool) -> Destination:
    from tui.store import destinations

    with session.store() as store:
        found = destination_named(store, name)
        store.write(destinations.set_paused, found.id, paused=paused).result()
    return found


def _row(store: "Store", reference: str) -> "DestinationRow":
    from tui.store.reading import health

    found = destination_named(store, reference)
    rows = store.read(health.destination_rows).result()
    row = next((row for row in rows if row.destination.id == found.id), None)
    if row is None:
        raise Refused(f"{found.name} was deleted meanwhile")
    return row


def _day(store: "Store", row: "DestinationRow") -> "Record":
    """Return the results of the last 24 hours."""
    from tui.store.reading import health

    return store.read(health.record, row.destination.id, since=_now() - health.DAY_MS).result()


def _now() -> int:
    from tui.store.engine.database import wall_clock

    return wall_clock()


def _would_have_matched(store: "Store", destination: Destination) -> tuple[int, int]:
    """Return how many of the latest alerts the destination would get, and how many were compared."""
    from tui.store.reading import listing

    return store.read(listing.count_latest, taken_by(destination), _now()).result()


# --- messages -------------------------------------------------------------------------------------


def _warn(destination: Destination) -> None:
    if not destination.tls.verify:
        tell(f"{UNVERIFIED}: {UNVERIFIED_MEANS}")


def _propose_shape(destination: Destination) -> None:
    from tui.delivery.shapes import library

    proposed = library.proposal(destination.url)
    if destination.shape == PANTHER and proposed:
        edit = output.command_for("edit", destination).rstrip("`")
        tell(f"{proposed} expects its own format; to send it, run {edit} --shape {proposed}`")


def _counted(waiting: int) -> str:
    return f"{waiting} pending {'delivery' if waiting == 1 else 'deliveries'}"
