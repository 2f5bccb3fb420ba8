"""Send a test alert from the command line and report the result."""

import secrets
from typing import TYPE_CHECKING

from tui.commands.shared import output
from tui.commands.shared.console import tell
from tui.commands.shared.session import Session, check_way_out, run_dispatcher
from tui.domain.alert import make_test_alert
from tui.domain.destination import Destination
from tui.domain.errors import Invalid, Refused
from tui.domain.lifecycle import Outcome

if TYPE_CHECKING:
    from tui.store.engine.database import Store
    from tui.store.reading.views import AttemptRow, Exchange


def send_test(
    session: Session, store: "Store", destination: Destination
) -> "tuple[AttemptRow, Exchange | None]":
    """Send the test alert from this process. Return its only attempt and the HTTP exchange, if any.

    Raises Refused if the destination is paused or the attempt was not made.
    """
    from tui.store import outbox
    from tui.store.engine.database import wall_clock
    from tui.store.reading import queries

    check_way_out(session.config)
    if destination.paused:
        raise Refused(f"{destination.name} is paused; first run {output.command_for('resume', destination)}")
    alert = make_test_alert(
        destination.name,
        now=wall_clock(),
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
        raise Refused("stopped before the test alert was sent; it stays queued")
    return attempts[0], store.read(queries.exchange, attempts[0].id).result()


def conclude(
    destination: Destination, attempt: "AttemptRow", exchange: "Exchange | None", *, as_json: bool
) -> None:
    """Print the result of the test; raises Refused if the alert was not delivered."""
    if not as_json:
        output.print_fields(
            (
                ("sent", output.moment(attempt.started_at)),
                ("response", attempt.summary if attempt.status_code else ""),
                ("took", f"{attempt.duration_ms} ms"),
                ("body", output.body_of(exchange)),
            )
        )
    told = output.explanation_of(attempt, exchange)
    if attempt.outcome is not Outcome.DELIVERED:
        raise Refused(f"the test alert was not delivered to {destination.name}. {told}")
    if told:
        tell(told)
